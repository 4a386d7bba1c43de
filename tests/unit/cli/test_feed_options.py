from datetime import UTC, datetime, timedelta

import pytest

from metrla.cli.feeding.options import read_duration, read_fault_kinds, read_incidents, read_pace, read_speed
from metrla.data.feeds.delivery import AsFastAsPossible, EventTimePace, RatePace
from metrla.data.simulation.faults import FaultKind
from shared.events.errors import ConfigurationError

START = datetime(2024, 5, 14, 14, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("30 s", timedelta(seconds=30)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert read_duration("--duration", text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "0h", "-3m", "2 weeks"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--duration"):
        read_duration("--duration", text)


def test_paces() -> None:
    assert read_pace(None, None, START) == EventTimePace(START, 1.0)
    assert read_pace("60", None, START) == EventTimePace(START, 60.0)
    assert read_pace("max", None, START) == AsFastAsPossible()
    assert read_pace(None, 500.0, START) == RatePace(500.0)
    with pytest.raises(ConfigurationError, match="exclude"):
        read_pace("60", 500.0, START)


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan"])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a positive number nor 'max'"):
        read_speed(text)


def test_fault_kinds() -> None:
    assert read_fault_kinds("none") == frozenset()
    assert read_fault_kinds("all") == set(FaultKind)
    assert read_fault_kinds("dead, out-of-order") == {FaultKind.DEAD, FaultKind.OUT_OF_ORDER}
    with pytest.raises(ConfigurationError, match="--faults broken: choose from dead"):
        read_fault_kinds("dead,broken")


def test_incidents() -> None:
    first, second = read_incidents(["405S-04@5", "10E-02@30+20"], START)
    assert (first.sensor_id, first.start, first.end) == (
        "405S-04",
        START + timedelta(minutes=5),
        START + timedelta(minutes=50),
    )
    assert (second.end - second.start) == timedelta(minutes=20)
    with pytest.raises(ConfigurationError, match="SENSOR@MINUTES"):
        read_incidents(["405S-04"], START)
