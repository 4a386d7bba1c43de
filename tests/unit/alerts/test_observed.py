"""Windows in, changes out: when a step is judged, and what a restart brings back."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts, Recalled
from shared.events.records import (
    AlertStatus,
    AlertType,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
)
from shared.traffic.network import Network
from tests.kit.windows import processed_window

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
JAM = {"E3": 25.0, "E4": 20.0}
SETTLE, SILENCE = 5.0, 1800.0


@pytest.fixture
def small(make_network: Callable[..., Network]) -> Network:
    return make_network([mile / 2 for mile in range(8)])


def window(sensor: str, step: int, speed: float | None, revision: int = 1) -> ProcessedTrafficAggregate:
    return processed_window("test", sensor, START + step * WINDOW, speed, revision)


def step(
    number: int, slow: dict[str, float] | None = None, leave_out: Iterable[str] = ()
) -> list[ProcessedTrafficAggregate]:
    speeds = {f"E{sensor}": 65.0 for sensor in range(8)} | (slow or {})
    return [window(sensor, number, speed) for sensor, speed in speeds.items() if sensor not in set(leave_out)]


class Service:
    """One partition, its log of windows and its log of alerts."""

    def __init__(self, network: Network, clocks_off: Iterable[str] = ()) -> None:
        self.network = network
        self.clocks_off = {SensorId(sensor) for sensor in clocks_off}
        self.windows: list[ProcessedTrafficAggregate] = []
        self.log: list[TrafficAlert] = []
        self.now = 1000.0
        self.start(committed=0)

    def start(self, committed: int) -> None:
        detector = CongestionDetector(self.network, CongestionRule(), Materiality())
        announced = AnnouncedAlerts({self.network.network_id: AdvisoryDetector(self.network, CongestionRule())})
        rules = DetectionRules(
            {self.network.network_id: detector}, SETTLE, SILENCE, announced, clocks_off=lambda _: self.clocks_off
        )
        board = AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log)
        self.processor = ObservedAlerts(rules, Recalled({self.network.network_id: board}))
        self.processor.rebuild(self.windows[:committed], self.now)
        for record in self.windows[committed:]:
            self._take(record)

    def feed(self, records: Iterable[ProcessedTrafficAggregate]) -> list[TrafficAlert]:
        before = len(self.log)
        for record in records:
            self.windows.append(record)
            self._take(record)
        return self.log[before:]

    def wait(self, seconds: float) -> list[TrafficAlert]:
        before = len(self.log)
        self.now += seconds
        self._keep(self.processor.tick(self.now))
        return self.log[before:]

    def _take(self, record: ProcessedTrafficAggregate) -> None:
        self._keep(self.processor.handle([record], self.now))

    def _keep(self, changes: Iterable[RoadChanges]) -> None:
        for change in changes:
            self.log.extend(change.alerts)


@pytest.fixture
def service(small: Network) -> Service:
    return Service(small)


def test_a_complete_step_is_judged_at_once(service: Service) -> None:
    for number in range(4):
        assert service.feed(step(number, JAM)) == []
    (alert,) = service.feed(step(4, JAM))
    assert alert.status is AlertStatus.RAISED
    assert alert.raised_at == START + 5 * WINDOW
    assert service.processor.active() == 1


def test_a_sensor_whose_clock_is_off_is_no_evidence(small: Network) -> None:
    service = Service(small, clocks_off=["E3", "E4", "stranger"])
    for number in range(8):
        assert service.feed(step(number, JAM)) == []
    service.clocks_off.clear()
    assert service.feed(step(8, JAM)), "its windows of before count as soon as its clock is right"


def test_an_alert_ends_when_the_clocks_of_all_its_sensors_are_off(service: Service) -> None:
    for number in range(5):
        service.feed(step(number, JAM))
    assert service.processor.active() == 1
    service.clocks_off |= {SensorId(f"E{sensor}") for sensor in range(2, 7)}
    for number in range(5, 30):
        service.feed(step(number, JAM))
    assert service.processor.active() == 0


def test_an_incomplete_step_is_judged_when_the_next_begins(service: Service) -> None:
    for number in range(4):
        service.feed(step(number, JAM))
    assert service.feed(step(4, JAM, leave_out=["E0"])) == []
    (alert,) = service.feed(step(5, JAM)[:1])
    assert alert.raised_at == START + 5 * WINDOW


def test_an_incomplete_step_is_judged_when_it_settles(service: Service) -> None:
    for number in range(4):
        service.feed(step(number, JAM))
    service.feed(step(4, JAM, leave_out=["E0"]))
    assert service.wait(SETTLE - 1) == []
    (alert,) = service.wait(2)
    assert alert.raised_at == START + 5 * WINDOW


def test_a_step_is_judged_again_when_more_of_its_windows_come(service: Service) -> None:
    for number in range(4):
        service.feed(step(number, JAM))
    assert service.feed(step(4, JAM, leave_out=["E3", "E4"])) == []
    assert service.wait(SETTLE + 1) == []
    service.feed([window("E3", 4, 25.0), window("E4", 4, 20.0)])
    (alert,) = service.wait(SETTLE + 1)
    assert alert.raised_at == START + 5 * WINDOW


def test_a_correction_counts_from_the_next_step_on(service: Service) -> None:
    service.feed(step(0))
    for number in range(1, 5):
        service.feed(step(number, JAM))
    service.feed([window("E4", 3, 21.0, revision=2)])
    assert service.wait(SETTLE + 1) == []
    (alert,) = service.feed(step(5, JAM))
    assert alert.raised_at == START + 6 * WINDOW


def test_a_gap_in_the_feed_clears_by_event_time(service: Service) -> None:
    for number in range(6):
        service.feed(step(number, JAM))
    service.feed(step(40))
    (cleared,) = service.wait(SETTLE + 1)
    assert cleared.status is AlertStatus.CLEARED
    assert "data is missing" not in cleared.message, "the sensors speak again"


def test_a_feed_that_ends_clears_by_wall_time(service: Service) -> None:
    for number in range(6):
        service.feed(step(number, JAM))
    assert service.wait(SILENCE - 1) == []
    (cleared,) = service.wait(2)
    assert "data is missing" in cleared.message
    assert cleared.cleared_at == START + (6 + 7) * WINDOW
    assert service.wait(SILENCE) == []


def test_a_feed_that_resumes_raises_another_alert(service: Service) -> None:
    for number in range(6):
        service.feed(step(number, JAM))
    service.wait(SILENCE + 1)
    for number in range(6, 20):
        service.feed(step(number, JAM))
    assert [alert.status for alert in service.log] == [AlertStatus.RAISED, AlertStatus.CLEARED, AlertStatus.RAISED]
    assert len({alert.alert_id for alert in service.log}) == 2


def test_a_restart_with_a_silent_feed_clears_too(service: Service) -> None:
    for number in range(6):
        service.feed(step(number, JAM))
    service.start(committed=len(service.windows))
    assert service.processor.active() == 1
    assert service.wait(SILENCE - 1) == []
    assert [alert.status for alert in service.wait(2)] == [AlertStatus.CLEARED]


def test_alerts_without_any_window_on_the_log_are_cleared_too(service: Service) -> None:
    for number in range(6):
        service.feed(step(number, JAM))
    service.windows.clear()
    service.start(committed=0)
    (cleared,) = service.wait(SILENCE + 1)
    assert cleared.cleared_at == START + (5 + 7) * WINDOW


@pytest.mark.parametrize("committed_back", [0, 1, 7, 8, 9, 30])
@pytest.mark.parametrize("killed_in", [4, 5, 9, 17, 20])
def test_a_restart_anywhere_gives_the_same_alerts(small: Network, killed_in: int, committed_back: int) -> None:
    day = [step(number, JAM if number < 10 else {"E1": 30.0} if number > 15 else None) for number in range(30)]
    straight, killed = Service(small), Service(small)
    for number, records in enumerate(day):
        straight.feed(records)
        half = len(records) // 2 if number == killed_in else len(records)
        killed.feed(records[:half])
        if number == killed_in:
            killed.start(committed=max(0, len(killed.windows) - committed_back))
            killed.feed(records[half:])
    assert killed.log == straight.log
    assert AlertStatus.CLEARED in {alert.status for alert in straight.log}


def test_windows_of_strangers_are_passed_over(service: Service) -> None:
    assert service.feed([window("X1", 0, 20.0)]) == []


def test_enough_is_read_back_for_every_network(service: Service) -> None:
    records = [record for number in range(30) for record in step(number)]
    assert not service.processor.enough(records[:40])
    assert service.processor.enough(records)
