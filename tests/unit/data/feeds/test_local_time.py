from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metrla.data.feeds.local_time import LocalClock

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONES = [LOS_ANGELES, *map(ZoneInfo, ("Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"))]
EPOCH = datetime(2012, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


@given(st.sampled_from(ZONES), st.integers(0, 15 * 366 * 288), st.integers(1, 100))
def test_a_gapless_recording_comes_back_as_the_instants_it_was_made_of(zone: ZoneInfo, first: int, count: int) -> None:
    instants = [EPOCH + (first + step) * STEP for step in range(count)]
    # Nothing in a file that begins in the second run of a repeated hour says that it is the second one.
    assume(instants[0].astimezone(zone).fold == 0)
    clock = LocalClock(zone)
    shown = [instant.astimezone(zone).replace(tzinfo=None) for instant in instants]
    assert [clock.to_utc(local_time) for local_time in shown] == instants


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 366 * 288), min_size=2, max_size=60))
def test_times_in_order_give_instants_in_order(zone: ZoneInfo, steps: list[int]) -> None:
    clock = LocalClock(zone)
    naive = sorted(datetime(2012, 1, 1) + step * STEP for step in steps)  # noqa: DTZ001 - local times of a file
    instants = [instant for instant in map(clock.to_utc, naive) if instant is not None]
    assert instants == sorted(instants)


def test_the_hour_that_spring_skips_is_no_instant() -> None:
    clock = LocalClock(LOS_ANGELES)
    assert clock.to_utc(local("2012-03-11T01:55")) == datetime(2012, 3, 11, 9, 55, tzinfo=UTC)
    assert clock.to_utc(local("2012-03-11T02:00")) is None
    assert clock.to_utc(local("2012-03-11T02:55")) is None
    assert clock.to_utc(local("2012-03-11T03:00")) == datetime(2012, 3, 11, 10, 0, tzinfo=UTC)


def test_the_hour_that_autumn_repeats() -> None:
    clock = LocalClock(LOS_ANGELES)
    times = ["01:00", "01:30", "01:55", "01:00", "01:55", "02:00"]
    instants = [clock.to_utc(local(f"2012-11-04T{time}")) for time in times]
    hours = [f"{instant:%H:%M}" for instant in instants if instant]
    assert hours == [
        "08:00",
        "08:30",
        "08:55",
        "09:00",
        "09:55",
        "10:00",
    ]


def test_an_hour_given_once_is_daylight_saving_time() -> None:
    clock = LocalClock(LOS_ANGELES)
    assert clock.to_utc(local("2012-11-04T01:55")) == datetime(2012, 11, 4, 8, 55, tzinfo=UTC)
    assert clock.to_utc(local("2012-11-04T02:00")) == datetime(2012, 11, 4, 10, 0, tzinfo=UTC)


def test_stations_that_repeat_a_time_do_not_move_the_clock() -> None:
    clock = LocalClock(LOS_ANGELES)
    assert clock.to_utc(local("2012-11-04T01:55")) == clock.to_utc(local("2012-11-04T01:55"))


@pytest.mark.parametrize("year", [2012, 2013])
def test_the_next_autumn_starts_afresh(year: int) -> None:
    clock = LocalClock(LOS_ANGELES)
    for time in ("2012-11-04T01:55", "2012-11-04T01:00", "2012-11-04T03:00"):
        clock.to_utc(local(time))
    day = {2012: "2012-11-04", 2013: "2013-11-03"}[year]
    instant = clock.to_utc(local(f"{day}T01:30"))
    assert instant is not None
    assert instant.hour == (9 if year == 2012 else 8)
