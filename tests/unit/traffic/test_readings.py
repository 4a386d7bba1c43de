"""One validator for files and events: what ingest rejects is no truth in training."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.validator import measure_fault
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.readings import CRAWL_MPH, MIN_SHARE_OBSERVED, LeftOut, speed_of_traffic, speeds_of_nobody, unfit

VALUES = st.none() | st.floats(allow_nan=False) | st.floats(-5, 130) | st.sampled_from([-1.0, 0.0, 1.0, 120.0, 999.0])


@given(VALUES, VALUES, VALUES, VALUES)
def test_a_reading_is_out_of_range_where_ingest_rejects_its_event(
    speed: float | None, volume: float | None, occupancy: float | None, share: float | None
) -> None:
    event = TrafficEvent(
        *("x", NetworkId("test"), SensorId("1"), datetime(2026, 3, 2, tzinfo=UTC)), speed, volume, occupancy, share
    )
    told = [np.array([np.nan if each is None else each]) for each in (speed, volume, occupancy, share)]
    assert bool(unfit(*told).out_of_range[0]) is (measure_fault(event) is not None)


def test_what_was_left_out_is_counted_once_and_told() -> None:
    left_out, heard = LeftOut(), np.array([True, True, True, True, False])
    share = np.array([0.9, 0.1, 0.1, MIN_SHARE_OBSERVED, 0.0])
    left_out.add(heard, unfit(np.array([60.0, 60.0, -1.0, 60.0, np.nan]), share_observed=share))
    assert (left_out.readings, left_out.out_of_range, left_out.imputed) == (4, 1, 1)
    assert str(left_out) == (
        "2 of 4 readings (50.0%) left out: 1 out of range (speeds not within 0-120 mph), as ingest rejects them; "
        "1 imputed (observed by less than 50%)"
    )
    assert str(LeftOut(3)) == ""


@pytest.mark.parametrize(
    ("speed", "volume", "occupancy", "driven"),
    [
        (0.0, 0.0, 0.0, None),
        (0.0, 0.0, None, None),
        (0.0, None, 0.0, None),
        (-0.0, -0.0, -0.0, None),
        (1.0, 0.0, 0.0, None),
        (0.0, 0.0, 0.0004, None),
        # A vehicle that stands on the loop, a jam, a fast road, a feed of speeds alone, one whose volume is always 0.
        (0.0, 0.0, 1.0, 0.0),
        (4.0, 90.0, 0.5, 4.0),
        (0.0, 3.0, 0.0, 0.0),
        (62.0, 0.0, 0.0, 62.0),
        (0.0, None, None, 0.0),
        (62.0, 0.0, None, 62.0),
        (None, 0.0, 0.0, None),
    ],
)
def test_the_speed_of_nobody_is_none(
    speed: float | None, volume: float | None, occupancy: float | None, driven: float | None
) -> None:
    assert speed_of_traffic(speed, volume, occupancy) == driven


@given(VALUES | st.floats(0, CRAWL_MPH), VALUES, VALUES | st.floats(0, 0.01))
def test_it_is_the_same_in_files(speed: float | None, volume: float | None, occupancy: float | None) -> None:
    told = [np.array([np.nan if each is None else each]) for each in (speed, volume, occupancy)]
    driven = speed_of_traffic(speed, volume, occupancy)
    assert bool(speeds_of_nobody(*told)[0]) is (speed is not None and driven is None)
