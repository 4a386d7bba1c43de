from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.views.alerts import AlertQuery, AlertsView
from shared.events.errors import RejectedEventError
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    NetworkId,
    SensorId,
    TrafficAlert,
)

Build = Callable[..., TrafficAlert]
EVERYTHING = AlertQuery(limit=200)


def ids(view: AlertsView, query: AlertQuery = EVERYTHING) -> list[str]:
    return [alert.alert_id for alert in view.find(query)]


def test_the_last_raised_comes_first(alert: Build) -> None:
    view = AlertsView(10)
    for step in (2, 1, 3):
        view.apply(alert(step))
    assert ids(view) == ["a3", "a2", "a1"]
    assert ids(view, replace(EVERYTHING, limit=2)) == ["a3", "a2"]


def test_the_highest_revision_wins_and_moves_with_its_time(alert: Build) -> None:
    view = AlertsView(10)
    view.apply(alert(1, "x", revision=2))
    view.apply(alert(2, "y"))
    assert not view.apply(alert(5, "x", revision=1))
    assert view.apply(alert(3, "x", revision=3, status=AlertStatus.UPDATED))
    assert ids(view) == ["x", "y"]
    assert len(view) == 2


@pytest.mark.parametrize(
    ("restriction", "expected"),
    [
        ({"severity": AlertSeverity.LOW}, ["low"]),
        ({"alert_type": AlertType.WEATHER}, ["rain"]),
        ({"active": True}, ["low", "rain"]),
        ({"active": False}, ["over"]),
        ({"network_id": NetworkId("other")}, []),
        ({"active": True, "severity": AlertSeverity.HIGH}, ["rain"]),
        ({"acknowledged": True}, ["rain"]),
        ({"acknowledged": False}, ["low", "over"]),
        ({"predicted": True}, ["low"]),
        ({"predicted": False}, ["rain", "over"]),
        ({"sensors": {(NetworkId("toy"), SensorId("s7"))}}, ["over"]),
        ({"sensors": {(NetworkId("other"), SensorId("s7"))}}, []),
        ({"sensors": frozenset()}, []),
    ],
)
def test_filters(alert: Build, restriction: dict[str, object], expected: list[str]) -> None:
    view = AlertsView(10)
    view.apply(alert(1, "over", status=AlertStatus.CLEARED, affected_sensors=(SensorId("s7"),)))
    rain = alert(2, "rain", alert_type=AlertType.WEATHER)
    seen = AlertAction("1", rain.alert_id, rain.network_id, AlertActionKind.ACKNOWLEDGE, rain.raised_at, "Dana", "")
    view.apply(replace(rain, actions=(seen,)))
    view.apply(alert(3, "low", severity=AlertSeverity.LOW, expected_at=rain.raised_at))
    assert ids(view, replace(EVERYTHING, **restriction)) == expected  # type: ignore[arg-type]  # each case its own type


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    steps=st.lists(st.integers(0, 5), max_size=12),
    later=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=3), max_size=6),
    size=st.integers(1, 4),
)
def test_pages_have_every_alert_once_whatever_changes_meanwhile(
    alert: Build, steps: list[int], later: list[list[tuple[int, int]]], size: int
) -> None:
    view = AlertsView(100)
    for number, step in enumerate(steps):
        view.apply(alert(step, f"a{number}"))
    first, seen, changes = ids(view), list[str](), iter(later)
    query = AlertQuery(size)
    while page := list(view.find(query)):
        assert len(page) <= size
        seen += [each.alert_id for each in page]
        query = replace(query, after=(page[-1].raised_at, page[-1].alert_id))
        for step, number in next(changes, ()):
            known = view.get(AlertId(f"a{number}"))
            if known is None:
                view.apply(alert(step, f"b{number}"))
            else:
                view.apply(replace(known, revision=known.revision + 1, status=AlertStatus.UPDATED))
    assert len(seen) == len(set(seen))
    assert set(first) <= set(seen)


def test_a_tombstone_forgets(alert: Build) -> None:
    view = AlertsView(10)
    view.apply(alert(1))
    assert view.forget(AlertId("a1"))
    assert not view.forget(AlertId("a1"))
    assert view.take_changes() == ([], [AlertId("a1")])
    assert ids(view) == []


def test_the_one_cleared_longest_ago_is_forgotten_first(alert: Build) -> None:
    view = AlertsView(2)
    view.apply(alert(1, "standing"))
    view.apply(alert(2, "cleared", status=AlertStatus.CLEARED))
    view.apply(alert(3, "new"))
    assert ids(view) == ["new", "standing"]


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": 91.0},
        {"confidence_score": 2.0},
        {"estimated_duration_minutes": -1.0},
        {"delay_vehicle_hours": -1.0},
    ],
)
def test_what_the_api_could_not_show_is_rejected(alert: Build, changes: dict[str, float]) -> None:
    view = AlertsView(2)
    with pytest.raises(RejectedEventError):
        view.apply(alert(1, **changes))
    assert len(view) == 0


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20), st.integers(1, 4), st.booleans()), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_index_and_alerts_agree_whatever_comes(alert: Build, arrivals: list[tuple[int, int, int, bool]]) -> None:
    view = AlertsView(5)
    for number, step, revision, cleared in arrivals:
        status = AlertStatus.CLEARED if cleared else AlertStatus.RAISED
        view.apply(alert(step, f"a{number}", revision=revision, status=status))
    assert len(view) <= 5
    assert sorted(ids(view)) == sorted(view._alerts)
    times = [each.raised_at for each in view.find(EVERYTHING)]
    assert times == sorted(times, reverse=True)
