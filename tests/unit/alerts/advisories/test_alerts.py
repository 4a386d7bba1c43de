"""Advisories into alerts: raised, updated, confirmed by sensors, cleared; the same after a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.alerts.advisories.alerts import ANNOUNCED, CONFIRMED, AdvisoryDetector, Traffic
from shared.alerts.advisories.announced import AnnouncedAlerts, network_time
from shared.alerts.advisories.board import AdvisoryBoard
from shared.alerts.advisories.usual import UsualLookups, Wanted
from shared.alerts.congestion.queues import CongestionRule
from shared.events.records import (
    AdvisoryId,
    AdvisoryType,
    AlertSeverity,
    AlertStatus,
    AlertType,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
)
from shared.traffic.network import Network
from tests.kit.announcements import advisory_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
RAISED, UPDATED, CLEARED = AlertStatus.RAISED, AlertStatus.UPDATED, AlertStatus.CLEARED


def advisory(name: str = "a", first: float = 0, last: float | None = 10, **changes: object) -> TrafficAdvisory:
    """One that holds from the end of window `first` to that of `last`."""
    made = advisory_of(
        START + first * WINDOW,
        advisory_id=AdvisoryId(name),
        ends_at=None if last is None else START + last * WINDOW,
        affected_sensors=(SensorId("E5"), SensorId("E4"), SensorId("E3")),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # any field


@dataclass
class Watch:
    """A detector, its board and the log of alerts; speeds come step by step."""

    network: Network
    advisories: dict[str, TrafficAdvisory] = field(default_factory=dict)
    log: list[TrafficAlert] = field(default_factory=list)
    rows: list[NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.detector = AdvisoryDetector(self.network, CongestionRule())
        self.restart()

    def restart(self) -> None:
        self.board = AdvisoryBoard.rebuilt(self.network.network_id, self.log)

    def say(self, *advisories: TrafficAdvisory) -> None:
        self.advisories.update({each.advisory_id: each for each in advisories})

    def step(
        self, slow: Mapping[str, float | None] | None = None, usual_mph: float | None = None
    ) -> list[TrafficAlert]:
        row = np.full(len(self.network.sensors), 65.0)
        for name, speed in (slow or {}).items():
            row[self.network.index[SensorId(name)]] = np.nan if speed is None else speed
        self.rows.append(row)
        usual = None if usual_mph is None else np.full(len(self.network.sensors), usual_mph)
        return self.look(START + len(self.rows) * WINDOW, Traffic(np.array(self.rows[-7:]), usual))

    def look(self, at: datetime, traffic: Traffic | None = None) -> list[TrafficAlert]:
        changed = self.detector.changes(self.board, self.advisories.values(), at, traffic)
        self.board.apply(changed)
        self.log.extend(changed)
        return changed

    def steps(self, count: int, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]:
        return [alert for _ in range(count) for alert in self.step(slow)]


@pytest.fixture
def watch(road: Network) -> Watch:
    return Watch(road)


def test_an_advisory_is_raised_while_it_holds_and_cleared_at_its_end(watch: Watch) -> None:
    watch.say(advisory(first=3, last=10))
    assert watch.steps(2) == []
    (raised,) = watch.step()
    assert (raised.status, raised.alert_type, raised.severity) == (RAISED, AlertType.CONSTRUCTION, AlertSeverity.LOW)
    assert raised.raised_at == START + 3 * WINDOW
    assert raised.affected_sensors == ("E3", "E4", "E5"), "in road order"
    assert raised.location == "I-10 E from E Exit 3 to E Exit 5, 3 sensors"
    assert raised.message == f"Construction on {raised.location}: Paving until 2026-03-01 04:50 PST"
    assert raised.estimated_duration_minutes == 35
    assert raised.confidence_score == ANNOUNCED
    assert watch.steps(6) == []
    (cleared,) = watch.step()
    assert (cleared.status, cleared.cleared_at) == (CLEARED, START + 10 * WINDOW)
    assert "Over as announced after 35 min" in cleared.message
    assert watch.steps(5) == []


@pytest.mark.parametrize("kind", list(AdvisoryType))
def test_each_type_raises_its_own(watch: Watch, kind: AdvisoryType) -> None:
    watch.say(advisory(advisory_type=kind))
    (raised,) = watch.step()
    assert raised.alert_type == AlertType(kind)
    assert raised.alert_id == f"{kind}-a"


def test_a_change_of_the_advisory_updates(watch: Watch) -> None:
    watch.say(advisory())
    watch.step()
    watch.say(advisory(title="Paving, all lanes", severity=AlertSeverity.HIGH, last=12))
    (updated,) = watch.step()
    assert (updated.status, updated.severity, updated.revision) == (UPDATED, AlertSeverity.HIGH, 2)
    assert updated.estimated_duration_minutes == 55
    assert watch.steps(3) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"withdrawn": True}, "Withdrawn by Caltrans"),
        ({"first": 20, "last": 30}, "Postponed"),
        ({"first": 0, "last": 1}, "Over as announced"),
    ],
)
def test_what_no_longer_holds_is_cleared(watch: Watch, change: dict[str, object], said: str) -> None:
    watch.say(advisory())
    watch.steps(2)
    watch.say(advisory(**change))  # type: ignore[arg-type]  # any argument
    (cleared,) = watch.step()
    assert cleared.status is CLEARED
    assert cleared.message.startswith(said)


def test_what_is_gone_from_the_log_is_cleared(watch: Watch) -> None:
    watch.say(advisory())
    watch.step()
    watch.advisories.clear()
    (cleared,) = watch.step()
    assert cleared.message.startswith("No longer announced")


@pytest.mark.parametrize("name", ["a", "wzdx-la~7-zone-4f", "cap-~2~-β-4f"])
def test_what_holds_again_is_another_alert(watch: Watch, name: str) -> None:
    watch.say(advisory(name, last=None))
    watch.step()
    for number in (2, 3):
        watch.say(advisory(name, last=None, withdrawn=True))
        watch.step()
        watch.restart()
        watch.say(advisory(name, last=None))
        (again,) = watch.step()
        assert (again.status, again.alert_id, again.revision) == (RAISED, f"construction-{name}~{number}", 1)


JAM = {"E3": 20.0}
WORSE = {"E3": 20.0, "E4": 15.0}


def test_sensors_confirm_and_no_longer_do(watch: Watch) -> None:
    watch.say(advisory(last=None))
    watch.steps(2)
    assert watch.step(JAM) == []
    (confirmed,) = watch.step(JAM)
    assert (confirmed.status, confirmed.severity) == (UPDATED, AlertSeverity.MEDIUM)
    assert confirmed.confidence_score == CONFIRMED
    assert confirmed.message.endswith("; confirmed by 1 of 3 sensors, congested at 35 mph")
    (why,) = confirmed.evidence
    assert (why.rule, why.measure, why.value, why.threshold) == ("advisory", "share_of_sensors_congested", 0.333, 0.1)
    assert [(each.sensor_id, each.speed_mph) for each in why.windows] == [("E3", 20.0), ("E4", 65.0), ("E5", 65.0)]
    assert {window.window_end for window in why.windows} == {confirmed.updated_at}
    assert watch.steps(3, JAM) == []
    watch.step(WORSE)
    (worse,) = watch.step(WORSE)
    assert worse.severity is AlertSeverity.HIGH
    assert watch.steps(4, {"E3": 30.0}) == [], "it gets no better step by step"
    assert watch.steps(3) == []
    (calm,) = watch.step()
    assert (calm.severity, calm.confidence_score) == (AlertSeverity.LOW, ANNOUNCED)
    assert "confirmed" not in calm.message


def test_a_queue_that_is_usual_confirms_nothing(watch: Watch) -> None:
    watch.say(advisory(last=None))
    watch.step(JAM, usual_mph=25.0)
    assert all(watch.step(JAM, usual_mph=25.0) == [] for _ in range(4))
    (confirmed,) = watch.step({"E3": 5.0, "E4": 5.0}, usual_mph=60.0)
    assert "where 60 mph is usual" in confirmed.message


def test_silence_leaves_what_was_confirmed(watch: Watch) -> None:
    watch.say(advisory(last=None))
    watch.steps(4, JAM)
    silent = dict.fromkeys(("E3", "E4", "E5"))
    assert watch.steps(10, silent) == []
    assert watch.look(START + 20 * WINDOW) == []
    watch.say(advisory(last=None, title="Paving on"))
    (updated,) = watch.look(START + 21 * WINDOW)
    assert "Paving on" in updated.message
    assert "confirmed by 1 of 3 sensors" in updated.message
    assert updated.evidence[0].value == 0.333


@pytest.mark.parametrize("back", [0, 1, 3, 12])
def test_steps_that_come_again_after_a_restart_change_nothing(road: Network, back: int) -> None:
    watch = Watch(road)
    watch.say(advisory(first=2, last=12), advisory("b", first=4, last=None), advisory("c", first=1, last=14))
    watch.steps(5)
    watch.steps(4, JAM)
    watch.steps(5)
    before = list(watch.log)
    watch.restart()
    rows, watch.rows = watch.rows, watch.rows[: len(watch.rows) - back]
    for row in rows[len(watch.rows) :]:
        watch.rows.append(row)
        watch.look(START + len(watch.rows) * WINDOW, Traffic(np.array(watch.rows[-7:])))
    assert watch.log == before
    assert [alert.status for alert in watch.log].count(RAISED) == 3


def test_an_event_time_far_behind_is_another_feed(watch: Watch) -> None:
    watch.say(advisory())
    watch.step()
    (cleared,) = watch.look(START - timedelta(days=400))
    assert cleared.status is CLEARED
    assert cleared.cleared_at == START + WINDOW


def test_an_advisory_without_sensors_is_about_its_place_or_everything(watch: Watch) -> None:
    watch.say(advisory(affected_sensors=(), latitude=34.0, longitude=-118.0))
    (near,) = watch.step()
    assert set(near.affected_sensors) == {"E0", "E1", "E2", "W0", "W1", "W2"}
    watch.say(advisory("b", affected_sensors=(), advisory_type=AdvisoryType.WEATHER))
    (everywhere,) = watch.step()
    assert len(everywhere.affected_sensors) == 20
    assert everywhere.location == "I-10 E, I-10 W, 20 sensors"


def test_sensors_that_the_network_does_not_have_are_left_out(watch: Watch) -> None:
    watch.say(advisory(affected_sensors=(SensorId("X"),)))
    assert watch.step() == []


def test_nothing_is_judged_before_all_advisories_are_read(road: Network) -> None:
    announced = AnnouncedAlerts({road.network_id: AdvisoryDetector(road, CongestionRule())})
    speeds = np.full((7, len(road.sensors)), 65.0)
    assert announced.step(road.network_id, START, speeds) == ()
    announced.current.replace({AdvisoryId("a"): advisory()})
    assert len(announced.step(road.network_id, START + WINDOW, speeds)) == 1
    assert announced.active(AlertType.CONSTRUCTION) == 1
    assert announced.tick(road.network_id, START + WINDOW) == ()
    announced.current.take(advisory(withdrawn=True))
    assert len(announced.tick(road.network_id, START + WINDOW)) == 1
    announced.forget(road.network_id)
    assert announced.active(AlertType.CONSTRUCTION) == 0


@pytest.mark.parametrize(
    ("judged", "silent", "expected"),
    [
        (START, 10, START),
        (None, 10, None),
        (None, 2000, START + timedelta(hours=1)),
        (START, 2000, START + timedelta(hours=1)),
        (START - timedelta(days=900), 2000, START - timedelta(days=900) + timedelta(seconds=2000)),
    ],
)
def test_the_time_of_a_silent_network(judged: datetime | None, silent: float, expected: datetime | None) -> None:
    assert network_time(judged, silent, 1800, START + timedelta(hours=1)) == expected


def test_without_a_wall_clock_time_goes_on_from_the_newest_step() -> None:
    assert network_time(START, 2000, 1800, None) == START + timedelta(seconds=2000)
    assert network_time(None, 2000, 1800, None) is None


def test_the_end_comes_by_the_clock_when_the_feed_is_silent(road: Network) -> None:
    announced = AnnouncedAlerts({road.network_id: AdvisoryDetector(road, CongestionRule())})
    announced.current.replace({AdvisoryId("a"): advisory(last=10)})
    announced.step(road.network_id, START + WINDOW, np.full((7, len(road.sensors)), 65.0))
    assert announced.tick(road.network_id, START + 9 * WINDOW) == []
    (cleared,) = announced.tick(road.network_id, START + 10 * WINDOW)
    assert cleared.cleared_at == START + 10 * WINDOW


def windows(sensor: str, days: int, speed_mph: float, hour: int = 8) -> list[ProcessedTrafficAggregate]:
    """Those of one hour on so many working days before START, a Sunday, 12:00 UTC."""
    found = []
    for day in range(2, 2 + days):
        for step in range(12):
            start = (START - timedelta(days=day)).replace(hour=hour) + step * WINDOW
            found.append(processed_window("test", sensor, start, speed_mph))
    return found


def test_usual_speeds_are_those_of_the_same_hour_and_kind_of_day(road: Network) -> None:
    usual = UsualLookups()
    wanted = Wanted(road.network_id, SensorId("E3"), START)
    assert usual.at(road, START)[road.index[SensorId("E3")]] == -np.inf
    usual.put(wanted, road, windows("E3", 5, 30.0))
    friday = (START - timedelta(days=2)).replace(hour=8, minute=30)
    assert usual.at(road, friday)[road.index[SensorId("E3")]] == 30.0
    assert np.isnan(usual.at(road, friday + timedelta(hours=2))[road.index[SensorId("E3")]])
    assert np.isnan(usual.at(road, START.replace(hour=8, minute=30))[road.index[SensorId("E3")]]), "a Sunday"
    usual.put(wanted, road, windows("E3", 2, 30.0))
    assert np.isnan(usual.at(road, friday)[road.index[SensorId("E3")]]), "two days are not enough"


def test_nothing_is_confirmed_before_it_is_known_what_is_usual(road: Network) -> None:
    announced = AnnouncedAlerts({road.network_id: AdvisoryDetector(road, CongestionRule())}, usual=UsualLookups())
    announced.current.replace({AdvisoryId("a"): advisory(last=None)})
    speeds = np.full((7, len(road.sensors)), 20.0)
    (raised,) = announced.step(road.network_id, START + WINDOW, speeds)
    assert raised.confidence_score == ANNOUNCED
    assert announced.step(road.network_id, START + 2 * WINDOW, speeds) == []
    assert {wanted.sensor_id for wanted in announced.wanted()} == {"E3", "E4", "E5"}
    for wanted in list(announced.wanted()):
        announced.put_usual(wanted, [])
    assert list(announced.wanted()) == []
    (confirmed,) = announced.tick(road.network_id, START + 2 * WINDOW)
    assert confirmed.confidence_score == CONFIRMED
