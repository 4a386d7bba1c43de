"""A freeway that is watched step by step for congestion and incidents, and everything that reaches the log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.learned.learner import Learner, Lesson
from shared.alerts.learned.wire import LearnedRecords, records_of
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import StateRecord
from shared.alerts.observed.step import Boards, judged, silenced
from shared.events.records import AlertType, SensorId, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""Midnight in Los Angeles."""
PER_DAY = 288
FREE_MPH = 65.0


@dataclass
class Watched:
    """Feeds steps to learner and judge; noise and daily traffic are the same at every run."""

    network: Network
    daily: Callable[[int], Mapping[str, float]] = lambda _: {}
    threshold: float = 4.2
    start: datetime = MONDAY
    log: list[TrafficAlert] = field(default_factory=list)
    batches: list[list[TrafficAlert]] = field(default_factory=list)
    changelog: list[StateRecord] = field(default_factory=list)
    speeds: list[Floats] = field(default_factory=list)
    lesson: Lesson | None = None

    def __post_init__(self) -> None:
        self.learner = Learner(self.network, self.threshold)
        self.detector = CongestionDetector(self.network, CongestionRule(), Materiality())
        self.restart()

    @property
    def now(self) -> datetime:
        return self.start + len(self.speeds) * timedelta(minutes=5)

    def restart(self) -> None:
        """Forget everything that is not on the log."""
        recalled = LearnedRecords(self.learner)
        for record in self.changelog:
            recalled.put(record.value)
        self.learned = recalled.state() or self.learner.nothing()
        self.hours = self.learner.hours(self.learned)
        self.boards = Boards(
            *(
                AlertBoard.rebuilt(self.network, alert_type, self.log)
                for alert_type in (AlertType.CONGESTION, AlertType.INCIDENT)
            )
        )

    def step(self, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]:
        """One more window: free but for what is usual and for `slow`; `None` for a missing value."""
        row = FREE_MPH + np.random.default_rng(len(self.speeds)).normal(0, 1.5, len(self.network.sensors))
        for name, speed in {**self.daily(len(self.speeds) % PER_DAY), **(slow or {})}.items():
            at = self.network.index[SensorId(name)]
            row[at] = np.nan if speed is None else speed + (row[at] - FREE_MPH) / 3
        self.speeds.append(row)
        return self.judge()

    def steps(self, count: int, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]:
        """Several like it."""
        return [alert for _ in range(count) for alert in self.step(slow)]

    def days(self, count: int) -> list[TrafficAlert]:
        """Whole days of usual traffic."""
        return self.steps(count * PER_DAY)

    def judge(self) -> list[TrafficAlert]:
        """Judge the newest step."""
        missing = [np.full(len(self.network.sensors), np.nan)] * 7
        shown = np.array([*missing, *self.speeds[-7:]])[-7:]
        unknown = np.full(len(self.network.sensors), np.nan)
        lesson = self.learner.step(self.learned, self.hours, self.now, shown[-1], unknown, unknown)
        share = np.isfinite(shown).astype(np.float64)
        moment = self.detector.look(self.boards.active(), self.now, shown, share, None, lesson.sensors)
        told = self._take(judged(self.detector, self.boards, moment, lesson))
        self.changelog.extend(records_of(self.learner, lesson.after))
        self.learned, self.hours, self.lesson = lesson.after, lesson.hours, lesson
        return told

    def silence(self) -> list[TrafficAlert]:
        """No window has come for long."""
        return self._take(silenced(self.detector, self.boards, self.now))

    def without(self, *names: str) -> None:
        """Take sensors out of the network, and start again."""
        sensors = tuple(sensor for sensor in self.network.sensors if sensor.sensor_id not in names)
        kept = [self.network.index[sensor.sensor_id] for sensor in sensors]
        self.network = replace(self.network, sensors=sensors)
        self.speeds = [row[kept] for row in self.speeds]
        self.__post_init__()

    def _take(self, changes: list[list[TrafficAlert]]) -> list[TrafficAlert]:
        for batch in changes:
            self.boards.apply(batch)
            self.batches.append(batch)
            self.log.extend(batch)
        return [alert for batch in changes for alert in batch]

    def active(self, alert_type: AlertType) -> list[TrafficAlert]:
        return [alert for alert in self.boards.active() if alert.alert_type is alert_type]


@pytest.fixture(scope="session")
def line(make_network: Callable[..., Network]) -> Network:
    """Sixteen sensors eastward and six westward, half a mile apart; E0 is upstream of E1."""
    return make_network([mile / 2 for mile in range(16)], [mile / 2 for mile in range(6)])


@pytest.fixture
def watch(line: Network) -> Callable[..., Watched]:
    def make(**settings: object) -> Watched:
        return Watched(line, **settings)  # type: ignore[arg-type] # as the test names them

    return make
