"""What every store promises about alerts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    MeasuredWindow,
    NetworkId,
    SensorId,
    TrafficAlert,
)
from shared.store.port import Store
from tests.kit.announcements import alert_of

MINUTE = timedelta(minutes=1)
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
# The store is shared by all examples, each of which uses a network of its own.
SHARED_STORE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def alert(network: NetworkId, name: str = "a", revision: int = 1, raised: int = 0) -> TrafficAlert:
    cleared = revision > 4
    return alert_of(
        START + raised * MINUTE,
        alert_id=AlertId(f"{network}/{name}"),
        network_id=network,
        severity=AlertSeverity.HIGH,
        status=AlertStatus.CLEARED if cleared else AlertStatus.RAISED,
        revision=revision,
        message="Queue on I-405 N: 18 mph, 42 mph below the sensor upstream",
        location="I-405 N near Sunset Blvd",
        updated_at=START + (raised + revision) * MINUTE,
        cleared_at=START + (raised + revision) * MINUTE if cleared else None,
        latitude=34.0689,
        longitude=-118.4732,
        affected_sensors=tuple(SensorId(f"76{number}") for number in range(revision)),
        estimated_duration_minutes=None if revision == 1 else 12.5,
    )


def test_an_alert_is_read_as_it_was_put(store: Store, network: NetworkId) -> None:
    put = [
        alert(network, "a", revision=5, raised=2),
        alert(network, "b", raised=1),
        replace(alert(network, "c"), affected_sensors=(), alert_type=AlertType.WEATHER, severity=AlertSeverity.LOW),
    ]
    store.put_alerts(put)
    found = list(store.alerts(network))
    assert found == put
    assert type(found[0].status) is AlertStatus
    assert type(found[0].severity) is AlertSeverity
    assert type(found[0].alert_type) is AlertType
    assert found[1].active


def test_all_that_is_known_of_an_alert_is_read_back(store: Store, network: NetworkId) -> None:
    bare = alert(network, "bare", raised=1)
    window = MeasuredWindow(SensorId("760"), START, 18.25, 60.0, None)
    rules = (
        AlertEvidence(
            "bottleneck", "speed_drop_mph", 41.75, 20.0, None, None, (window, replace(window, speed_mph=None))
        ),
        AlertEvidence("forecast_residual", "score", 7.5, 4.0, "graph_neural_network", "20120501T000000", ()),
    )
    at = START + timedelta(milliseconds=250)
    seen = AlertAction("a-1", bare.alert_id, network, AlertActionKind.ACKNOWLEDGE, at, "ops", "")
    said = replace(seen, action_id="a-2", kind=AlertActionKind.COMMENT, text='Tow truck: "2 lanes", 15 % \u00e9\n')
    full = replace(
        bare,
        alert_id=AlertId(f"{network}/full"),
        estimated_duration_lower_minutes=5.0,
        estimated_duration_upper_minutes=61.5,
        delay_vehicle_hours=0.0,
        recurrent=False,
        expected_at=START + 15 * MINUTE,
        evidence=rules,
        actions=(seen, said),
        worst_severity=AlertSeverity.CRITICAL,
    )
    store.put_alerts([bare, full])
    found = list(store.alerts(network))
    assert found == [bare, full]
    assert found[1].recurrent is False
    assert found[1].worst_severity is AlertSeverity.CRITICAL
    assert found[0].worst_severity is None
    assert type(found[1].actions[0].kind) is AlertActionKind


def test_nothing_put_is_no_error(store: Store) -> None:
    store.put_alerts([])


def test_newest_first_then_by_id(store: Store, network: NetworkId) -> None:
    everything = [("a", 2), ("d", 2), ("b", 1), ("c", 0)]
    store.put_alerts([alert(network, name, raised=raised) for name, raised in everything[::-1]])
    assert [one.alert_id[-1] for one in store.alerts(network)] == ["a", "d", "b", "c"]
    assert [one.alert_id[-1] for one in store.alerts(network, limit=2)] == ["a", "d"]


def test_a_range_of_when_they_were_raised(store: Store, network: NetworkId) -> None:
    store.put_alerts([alert(network, str(raised), raised=raised) for raised in range(4)])
    found = store.alerts(network, start=START + MINUTE, end=START + 3 * MINUTE)
    assert [one.alert_id[-1] for one in found] == ["2", "1"]


def test_networks_do_not_mix(store: Store, new_network: Callable[[], NetworkId]) -> None:
    here, there = new_network(), new_network()
    store.put_alerts([alert(here), alert(there)])
    assert [one.network_id for one in store.alerts(here)] == [here]


@given(revisions=st.lists(st.integers(1, 6), min_size=1, max_size=10), together=st.booleans())
@SHARED_STORE
def test_the_highest_revision_is_the_state(
    store: Store, new_network: Callable[[], NetworkId], revisions: list[int], *, together: bool
) -> None:
    network = new_network()
    states = [alert(network, revision=revision) for revision in revisions]
    if together:
        store.put_alerts(states)
    else:
        for state in states:
            store.put_alerts([state])
    assert list(store.alerts(network)) == [alert(network, revision=max(revisions))]
