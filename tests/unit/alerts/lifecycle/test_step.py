"""The course of a step, shown with a kind of alert that is as small as one can be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import AlertContent, alert_id_of, changes_by_road, raised, updated
from shared.alerts.lifecycle.step import KindStep
from shared.events.records import AlertSeverity, AlertStatus, AlertType, NetworkId, SensorId, TrafficAlert
from shared.traffic.network import Network

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Flood:
    sensor_ids: tuple[SensorId, ...]
    deep: bool = True


def flood(*sensors: int, deep: bool = True) -> Flood:
    return Flood(tuple(SensorId(f"E{sensor}") for sensor in sensors), deep)


@dataclass(frozen=True, slots=True)
class FloodStep(KindStep[Flood]):
    def begins(self, candidate: Flood, ended: Sequence[TrafficAlert]) -> bool:  # noqa: ARG002 - a protocol's
        return candidate.deep

    def raised(self, candidate: Flood) -> TrafficAlert:
        alert_id = alert_id_of("flood", NetworkId("test"), candidate.sensor_ids[-1], self.at)
        return raised(alert_id, NetworkId("test"), AlertType.EVENT, self.at, _content(candidate))

    def updated(self, alert: TrafficAlert, candidate: Flood, *, crowded: bool) -> TrafficAlert | None:
        return updated(alert, self.at, _content(candidate)) if crowded else None

    def without(self, alert: TrafficAlert, survivor: TrafficAlert | None) -> str:  # noqa: ARG002 - a protocol's
        return "dry" if survivor is None else f"see {survivor.alert_id}"


def _content(candidate: Flood) -> AlertContent:
    return AlertContent(
        severity=AlertSeverity.LOW,
        message="flooded",
        location="",
        latitude=0.0,
        longitude=0.0,
        affected_sensors=candidate.sensor_ids,
        confidence_score=0.5,
    )


class Floods:
    def __init__(self, network: Network) -> None:
        self.board = AlertBoard(network, AlertType.EVENT)
        self.road = network.sensors[0].road_name
        self.minutes = 0

    def step(self, *found: Flood) -> list[tuple[AlertStatus, str, tuple[str, ...]]]:
        self.minutes += 5
        return self.again(*found)

    def again(self, *found: Flood) -> list[tuple[AlertStatus, str, tuple[str, ...]]]:
        at = AT + timedelta(minutes=self.minutes)
        changes = changes_by_road(
            [self.board], at, {self.road: found}, lambda _, there, here: FloodStep(at).advance(there[0], here).changes
        )
        for together in changes:
            self.board.apply(together)
        return [(change.status, change.message, change.affected_sensors) for together in changes for change in together]


def test_a_kind_needs_its_reasons_and_words_alone(make_network: Callable[..., Network]) -> None:
    floods = Floods(make_network([mile / 2 for mile in range(8)]))
    assert floods.step(flood(2, 3, deep=False)) == []
    assert floods.step(flood(2, 3)) == [(AlertStatus.RAISED, "flooded", ("E2", "E3"))]
    assert floods.again(flood(2, 3), flood(5)) == [], "a step that comes again changes nothing"
    assert floods.step(flood(2, 3), flood(5)) == [(AlertStatus.RAISED, "flooded", ("E5",))]
    # They grow together: the older one lives on.
    assert floods.step(flood(2, 3, 4, 5)) == [(AlertStatus.CLEARED, "see flood-test-E3-20260302T1210", ("E5",))]
    assert floods.step() == [(AlertStatus.CLEARED, "dry", ("E2", "E3"))]


def test_an_alert_whose_sensors_others_take_over_is_crowded(make_network: Callable[..., Network]) -> None:
    floods = Floods(make_network([mile / 2 for mile in range(8)]))
    floods.step(flood(1, 2, 3))
    assert floods.step(flood(1, 2)) == [], "nobody else has E3"
    assert floods.step(flood(1, 2), flood(3, deep=False)) == [], "nor does what is no reason for an alert"
    assert floods.step(flood(1, 2), flood(3)) == [
        (AlertStatus.UPDATED, "flooded", ("E1", "E2")),
        (AlertStatus.RAISED, "flooded", ("E3",)),
    ]
