"""One calendar: a holiday is a holiday for everybody, and every moment has one slot."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.incidents.measures import Measures
from shared.alerts.learned.learner import Learner
from shared.traffic.calendar import (
    HALF_HOURS,
    day_of,
    day_slot,
    day_type_slots,
    days_of,
    half_hour_slot,
    is_day_off,
    slots_per_day,
    week_slot,
)
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.roadway import roadway

NETWORK = replace(load_network(EXAMPLE_NETWORK), holidays="US-CA")
PER_DAY = slots_per_day(NETWORK)
OBSERVED = date(2026, 7, 3)  # Independence Day is a Saturday in 2026 and observed on the Friday before
WINDOWS = st.datetimes(datetime(2025, 12, 25), datetime(2027, 1, 5)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda at: NETWORK.window_start(at.replace(tzinfo=UTC))
)


def measures_from(day: date) -> Measures:
    """A day without a reading, as the lab reads it."""
    nothing = np.full((PER_DAY, len(NETWORK.sensors)), np.nan)
    slots = np.arange(PER_DAY)
    start = datetime.combine(day, datetime.min.time())
    off = np.array([is_day_off(NETWORK, day)])
    return Measures(roadway(NETWORK), start, nothing, nothing, nothing, slots * 0, slots, off)


@pytest.mark.parametrize(
    ("day", "day_off"),
    [(OBSERVED, True), (OBSERVED - timedelta(days=1), False), (date(2026, 7, 4), True), (date(2026, 12, 25), True)],
)
def test_predictor_learner_advisories_and_lab_agree_on_a_day(day: date, *, day_off: bool) -> None:
    start = datetime.combine(day, datetime.min.time(), NETWORK.time_zone) + timedelta(hours=12)
    (slot,) = day_type_slots(NETWORK, [start]).tolist()
    learned = Learner(NETWORK).slot(start.astimezone(UTC))
    kind, _ = divmod(half_hour_slot(NETWORK, start), HALF_HOURS)
    lab = [seen.slot for seen in measures_from(day).observations()]
    assert is_day_off(NETWORK, day) is day_off
    assert (slot >= PER_DAY, learned >= 5 * PER_DAY, bool(kind), lab[0] >= 5 * PER_DAY) == (day_off,) * 4
    assert learned == lab[PER_DAY // 2]


def test_a_network_without_holidays_knows_none() -> None:
    without = replace(NETWORK, holidays=None)
    assert day_of(without, OBSERVED) == OBSERVED.weekday()
    assert not is_day_off(without, OBSERVED)


@given(WINDOWS)
def test_every_window_of_the_year_has_one_slot_the_same_for_all(start: datetime) -> None:
    local = start.astimezone(NETWORK.time_zone)
    slot = week_slot(NETWORK, start)
    day, clock = divmod(slot, PER_DAY)
    assert 0 <= slot < 7 * PER_DAY
    assert clock == day_slot(NETWORK, local)
    assert day == day_of(NETWORK, local.date()) == days_of(NETWORK, [start])[0]
    (of_type,) = day_type_slots(NETWORK, [start]).tolist()
    assert divmod(of_type, PER_DAY) == (int(is_day_off(NETWORK, local.date())), clock)
    assert Learner(NETWORK).slot(start) == slot
    kind, half_hour = divmod(half_hour_slot(NETWORK, start), HALF_HOURS)
    assert (kind, half_hour) == (int(is_day_off(NETWORK, local.date())), clock * 48 // PER_DAY)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_daylight_saving_leaves_an_hour_of_slots_empty_or_fills_one_twice(day: date, hours: int) -> None:
    midnight = datetime.combine(day, datetime.min.time(), NETWORK.time_zone).astimezone(UTC)
    slots = [week_slot(NETWORK, midnight + number * NETWORK.window) for number in range(hours * PER_DAY // 24)]
    assert {slot // PER_DAY for slot in slots} == {6}
    assert len(set(slots)) == min(hours, 24) * PER_DAY // 24
