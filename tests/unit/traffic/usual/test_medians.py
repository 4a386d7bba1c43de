"""Medians of half hours: by type of day, and only where days enough were seen."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.calendar import HALF_HOURS
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.usual.medians import LEAST_DAYS, usual_medians
from tests.kit.windows import processed_window

NETWORK = replace(load_network(EXAMPLE_NETWORK), holidays="US-CA")
MONDAY = date(2026, 6, 22)


def windows_of(day: date, at: Iterable[time], speed_mph: float | None) -> list[ProcessedTrafficAggregate]:
    """Windows that begin at these local times."""
    starts = [datetime.combine(day, clock, NETWORK.time_zone).astimezone(UTC) for clock in at]
    sensor = NETWORK.sensors[0].sensor_id
    return [processed_window(NETWORK.network_id, sensor, start, speed_mph) for start in starts]


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=ahead) for ahead in range(count)]


def test_the_median_of_the_half_hour() -> None:
    seen = [
        window
        for day, speed in zip(days(MONDAY, 3), (30.0, 50.0, 70.0), strict=True)
        for window in windows_of(day, [time(8, 0), time(8, 25)], speed)
    ]
    medians = usual_medians(NETWORK, seen)
    assert medians[16] == 50.0
    assert np.isnan(np.delete(medians, 16)).all()


def test_the_last_window_of_a_day_is_of_that_day() -> None:
    """It ends at midnight, on the next day: two evenings were taken for three."""
    late = [time(23, 30), time(23, 55)]
    two = [window for day in days(MONDAY, LEAST_DAYS - 1) for window in windows_of(day, late, 60.0)]
    assert np.isnan(usual_medians(NETWORK, two)).all()
    three = [window for day in days(MONDAY, LEAST_DAYS) for window in windows_of(day, late, 60.0)]
    assert usual_medians(NETWORK, three)[HALF_HOURS - 1] == 60.0


def test_an_observed_holiday_is_a_day_off() -> None:
    """Independence Day of 2026 is a Saturday, observed on Friday."""
    off = [date(2026, 7, 3), date(2026, 7, 4), date(2026, 7, 5)]
    medians = usual_medians(NETWORK, [one for day in off for one in windows_of(day, [time(8, 0)], 65.0)])
    assert np.flatnonzero(np.isfinite(medians)).tolist() == [HALF_HOURS + 16]


def test_what_was_not_observed_is_no_day() -> None:
    seen = [window for day in days(MONDAY, 2) for window in windows_of(day, [time(8, 0)], 40.0)]
    seen += windows_of(MONDAY + timedelta(days=2), [time(8, 0)], None)
    assert np.isnan(usual_medians(NETWORK, seen)).all()
