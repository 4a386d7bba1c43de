"""Estimated durations and calibrated confidence: what must hold of them whatever they were fitted on."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.congestion.confidence import congestion_confidence
from shared.alerts.congestion.duration import congestion_duration, stratum
from shared.alerts.congestion.duration_table import DURATIONS
from shared.alerts.incidents.confidence import incident_confidence
from shared.alerts.incidents.duration import incident_duration
from shared.alerts.lifecycle.duration import PRIOR_WEIGHT, estimate

MINUTES = st.floats(0, 2000)
HOURS = st.datetimes(datetime(2012, 1, 1), datetime(2013, 1, 1))  # noqa: DTZ001 - hypothesis wants naive bounds


@given(st.lists(MINUTES, max_size=60), st.floats(0, 10_000), HOURS, st.booleans())
def test_an_interval_holds_its_median_and_never_lies_below_the_age(
    past: list[float],
    age: float,
    raised: datetime,
    day_off: bool,  # noqa: FBT001 - drawn by position
) -> None:
    for told in (
        congestion_duration(raised.replace(tzinfo=UTC), past, age, day_off=day_off),
        incident_duration(past, age),
    ):
        assert told.lower_minutes <= told.median_minutes <= told.upper_minutes
        assert told.lower_minutes >= age - 0.1


@given(st.lists(MINUTES, max_size=60), MINUTES, MINUTES)
def test_what_has_stood_longer_is_expected_to_last_longer(past: list[float], age: float, more: float) -> None:
    # Beyond what was ever seen another rule speaks: only the empirical part is monotone throughout.
    age, older = min(age, 50.0), min(age + more, 50.0)
    assert incident_duration(past, older).median_minutes >= incident_duration(past, age).median_minutes


def test_without_a_past_the_pool_speaks() -> None:
    told = estimate([10, 20, 30, 40, 50], [], 0, 0.05)
    assert (told.lower_minutes, told.median_minutes, told.upper_minutes) == (10, 30, 50)
    assert estimate([10, 20, 30, 40, 50], [], 30, 0.05).lower_minutes == 40


def test_a_long_past_outweighs_the_pool() -> None:
    assert estimate([10] * 5, [100] * (int(PRIOR_WEIGHT) + 1), 0, 0.05).median_minutes == 100
    assert estimate([10] * 5, [100] * (int(PRIOR_WEIGHT) - 1), 0, 0.05).median_minutes == 10


def test_every_hour_has_a_table() -> None:
    hours = {
        stratum(datetime(2012, 5, 4, hour, tzinfo=UTC), day_off=off) for off in (False, True) for hour in range(24)
    }
    assert hours == set(DURATIONS)


@given(st.floats(0, 80), st.floats(0, 80), st.floats(0, 30), st.floats(0, 30))
def test_slower_and_longer_queues_are_surer(speed: float, other: float, miles: float, more: float) -> None:
    slow, fast = sorted((speed, other))
    short, long = sorted((miles, more))
    assert 0 <= congestion_confidence(fast, short) <= congestion_confidence(slow, long) <= 1


@pytest.mark.parametrize(("rarer", "commoner"), [(0.1, 0.5), (1.0, 2.0), (3.0, 8.0)])
def test_rarer_evidence_is_surer(rarer: float, commoner: float) -> None:
    assert 0 < incident_confidence(commoner) < incident_confidence(rarer) < 1
