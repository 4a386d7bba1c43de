"""Estimates of durations, judged on every update that operators saw, against the naive survivor."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from metrla.lab.incidents.durations import judge_updates
from shared.events.records import AlertId, AlertStatus, TrafficAlert
from tests.kit.announcements import alert_of

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SPLIT = START + timedelta(days=1)
MINUTE = timedelta(minutes=1)


def life(name: str, raised_at: datetime, minutes: float, *told: tuple[float, float]) -> list[TrafficAlert]:
    """An alert that lasted so long, and what it said at which ages."""
    states = [
        alert_of(
            raised_at,
            alert_id=AlertId(name),
            status=AlertStatus.UPDATED if age else AlertStatus.RAISED,
            updated_at=raised_at + age * MINUTE,
            estimated_duration_minutes=said,
            estimated_duration_lower_minutes=said - 5,
            estimated_duration_upper_minutes=said + 5,
        )
        for age, said in told or ((0.0, minutes),)
    ]
    end = raised_at + minutes * MINUTE
    return [*states, replace(states[-1], status=AlertStatus.CLEARED, updated_at=end, cleared_at=end, message="over")]


def test_each_state_is_judged_at_its_age() -> None:
    before = [one for number in range(1, 11) for one in life(f"p{number}", START, 20.0 * number)]
    after = life("a", SPLIT, 90.0, (0.0, 90.0), (35.0, 88.0))
    young, old = judge_updates([*before, *after], SPLIT)
    assert [(each.from_minutes, each.count) for each in (young, old)] == [(0.0, 1), (30.0, 1)]
    assert (young.median_absolute_error, old.median_absolute_error) == (0.0, 2.0)
    assert (young.coverage, old.coverage, old.too_long) == (1.0, 1.0, 0.0)
    assert young.median_width == pytest.approx(10.0)
    # Of 40, 60, .. 200 minutes, those that reached 35, the middle one is 120: 85 are left.
    assert old.naive_median_absolute_error == pytest.approx(85.0 - 55.0)
    assert young.pinball < young.naive_pinball


def test_what_was_merged_or_is_active_has_no_duration() -> None:
    before = life("p", START, 60.0)
    active = life("b", SPLIT, 60.0)[:1]
    merged = life("c", SPLIT, 30.0)
    merged[-1] = replace(merged[-1], message="has joined another: see b")
    assert judge_updates([*before, *active, *merged], SPLIT) == []


def test_what_was_not_estimated_is_not_judged() -> None:
    unknown = [replace(one, estimated_duration_minutes=None) for one in life("d", SPLIT, 60.0)]
    assert judge_updates([*life("p", START, 90.0), *unknown], SPLIT) == []
