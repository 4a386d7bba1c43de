"""The detector as the service runs it: it learns as the days go by, and has one threshold, that of the service."""

from datetime import UTC, timedelta

import numpy as np

from metrla.lab.incidents.injecting import InjectionResult, Upset, result_of
from shared.alerts.learned.learner import INCIDENT_THRESHOLD, Learner

LIVE = "forecast residual, live"


def evaluate_live(upset: Upset) -> InjectionResult:
    """Go through all days from no knowledge on, as the service does that starts without a model."""
    measures = upset.measures
    network, columns = measures.road.network, measures.road.positions
    learner = Learner(network, INCIDENT_THRESHOLD)
    state = learner.nothing()
    hours = learner.hours(state)
    standing = np.empty((len(measures.speed_mph), 1, len(columns)), dtype=np.bool_)
    for number, (day, slot) in enumerate(zip(measures.day.tolist(), measures.slot.tolist(), strict=True)):
        local = measures.start + timedelta(days=day) + (slot + 1) * network.window
        end = local.replace(tzinfo=network.time_zone).astimezone(UTC)
        seen = (one[number][columns] for one in (measures.speed_mph, measures.occupancy, measures.volume))
        lesson = learner.step(state, hours, end, *seen)
        state, hours = lesson.after, lesson.hours
        standing[number, 0] = lesson.alarms.standing
    return result_of(LIVE, np.array([INCIDENT_THRESHOLD]), standing, upset, budget=np.inf)
