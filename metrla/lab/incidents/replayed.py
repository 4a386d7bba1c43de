"""The alerts that a recording of speeds would have raised: put through the service's own code, from no knowledge on."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from metrla.lab.forecasting.progress import Told
from metrla.lab.forecasting.recording import Recording
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.learned.learner import INCIDENT_THRESHOLD, Learner
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts
from shared.events.records import ProcessedTrafficAggregate, TrafficAlert

SETTLE_SECONDS, SILENCE_SECONDS = 5.0, 1_800.0


def replayed_alerts(recording: Recording, told: Told | None = None) -> list[TrafficAlert]:
    """Every state of every alert that windows make, in the order in which the service writes them."""
    network = recording.network
    detector = CongestionDetector(network, CongestionRule(), Materiality())
    learners = {network.network_id: Learner(network, INCIDENT_THRESHOLD)}
    rules = DetectionRules(
        {network.network_id: detector}, SETTLE_SECONDS, SILENCE_SECONDS, AnnouncedAlerts({}), learners=learners
    )
    observed, log = ObservedAlerts(rules), list[TrafficAlert]()
    window_s = network.window / timedelta(seconds=1)
    for number in range(len(recording.speed_mph)):
        now = number * window_s
        changes = (*observed.handle(list(_windows(recording, number)), now), *observed.tick(now + SETTLE_SECONDS))
        log += [alert for change in changes for alert in change.alerts]
        if told is not None:
            told(float(number + 1), float(len(recording.speed_mph)))
    return log


def _windows(recording: Recording, number: int) -> Iterator[ProcessedTrafficAggregate]:
    network = recording.network
    start = recording.start + number * network.window
    for column in np.flatnonzero(np.isfinite(recording.speed_mph[number])).tolist():
        mph = float(recording.speed_mph[number, column])
        yield ProcessedTrafficAggregate(
            network_id=network.network_id,
            sensor_id=network.sensors[column].sensor_id,
            window_start=start,
            window_end=start + network.window,
            revision=1,
            speed_count=1,
            mean_speed_mph=mph,
            min_speed_mph=mph,
            max_speed_mph=mph,
            std_speed_mph=0.0,
            volume_vehicles=None,
            occupancy=None,
            share_observed=1.0,
            last_event_id="",
        )
