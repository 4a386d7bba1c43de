"""One validator for files and events: what ingest rejects is no truth in training."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.validator import measure_fault
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.readings import MIN_SHARE_OBSERVED, LeftOut, unfit

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
