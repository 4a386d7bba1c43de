"""What a demo asks of its feed and its training, for networks of any length of windows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from metrla.local.launcher.request import DemoRequest, default_start, feed_arguments, training_arguments

REQUEST = DemoRequest(
    state=Path("state"),
    network=None,
    data=None,
    begin=None,
    end=None,
    speed=60.0,
    damaged=0.0,
    seed=7,
    port=1,
    duration=None,
    exit_when_fed=False,
)
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


@pytest.mark.parametrize(("minutes", "days", "warm_up"), [(1, 14, 120), (5, 14, 120), (15, 18, 195), (60, 71, 780)])
def test_training_and_warm_up_grow_with_the_windows(minutes: int, days: int, warm_up: int) -> None:
    window = timedelta(minutes=minutes)
    trained = int(option([*training_arguments(REQUEST, "file:///x", None, window)], "--simulate"))
    assert trained == days
    # A linear model is fitted to 70 % of them, and needs a thousand.
    assert 0.7 * (trained * timedelta(days=1) / window - 23) >= 1000
    assert option([*feed_arguments(REQUEST, None, window)], "--warm-up") == f"{warm_up}m"


def test_a_replay_begins_at_the_midnight_after_70_percent_or_there_where_no_midnight_follows() -> None:
    first = datetime(2012, 5, 1, 7, tzinfo=UTC)
    assert default_start(first, first + timedelta(days=10), LOS_ANGELES) == first + timedelta(days=8)
    assert default_start(first, first + timedelta(hours=20), LOS_ANGELES) == first + timedelta(hours=14)
