"""The detector as it runs live, on simulated days into which incidents were put."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from metrla.data.simulation.simulator import Simulator
from metrla.lab.incidents.detectors import LIVE
from metrla.lab.incidents.injection_study import InjectionResult, Upset, evaluate_live, upset_days
from metrla.lab.incidents.measures import Measures
from shared.alerts.detection.budget import FALSE_ALARMS_PER_100_SENSOR_DAYS
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.roadway import roadway

DAYS, BEFORE = 8, 5
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - local, as measures have it


@pytest.fixture(scope="module")
def upset() -> Upset:
    network = load_network(EXAMPLE_NETWORK)
    per_day = timedelta(days=1) // network.window
    start = MONDAY.replace(tzinfo=network.time_zone).astimezone(UTC)
    speed = np.asarray(Simulator(network, 3).speeds(start, DAYS * per_day))[:, roadway(network).columns]
    day, slot = np.divmod(np.arange(DAYS * per_day), per_day)
    nothing = np.full(speed.shape, np.nan)
    weekend = np.arange(DAYS) % 7 >= 5
    measures = Measures(roadway(network), MONDAY, speed, nothing, nothing, day, slot, weekend)
    return upset_days(measures, BEFORE, 12, seed=1)


@pytest.fixture(scope="module")
def result(upset: Upset) -> InjectionResult:
    return evaluate_live(upset)


def test_it_finds_what_was_put_in(result: InjectionResult) -> None:
    (outcome,) = result.outcomes
    assert (result.name, result.level, outcome.threshold) == (LIVE, 0, FALSE_ALARMS_PER_100_SENSOR_DAYS)
    assert sum(size.incidents for size in outcome.sizes) == 12
    assert outcome.half.incidents > 0
    assert outcome.half.detected > outcome.half.incidents / 2
    assert outcome.alarms >= outcome.half.detected


def test_it_says_the_same_again(upset: Upset, result: InjectionResult) -> None:
    assert evaluate_live(upset).outcomes == result.outcomes
