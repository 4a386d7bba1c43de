"""A straight freeway, eastbound and westbound, with a sensor every half mile, and steps over it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import AlertType, SensorId, TrafficAlert
from shared.traffic.network import Network
from tests.kit.networks import along, network_of

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FREE_MPH = 65.0

MakeNetwork = Callable[..., Network]


def lay_out(east: Iterable[float], west: Iterable[float] = (), lanes: int | None = 4) -> Network:
    sensors = [
        sensor
        for way, miles in (("E", east), ("W", west))
        for sensor in along(
            f"I-10 {way}", (f"{way}{n}" for n in count()), miles, 1 / 60, f"{way} Exit {{number}}", lanes
        )
    ]
    # Columns come in no order that the road knows of.
    sensors.sort(key=lambda sensor: sensor.sensor_id[::-1])
    return network_of(*sensors)


@dataclass
class Drive:
    """Feeds one step after the other to a detector and keeps what comes out, as the log does."""

    network: Network
    rule: CongestionRule = field(default_factory=CongestionRule)
    material: Materiality = field(default_factory=Materiality)
    log: list[TrafficAlert] = field(default_factory=list)
    batches: list[list[TrafficAlert]] = field(default_factory=list)
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    start: datetime = START
    board: AlertBoard = field(init=False)

    def __post_init__(self) -> None:
        self.detector = CongestionDetector(self.network, self.rule, self.material)
        self.restart()

    @property
    def now(self) -> datetime:
        return self.start + len(self.rows) * timedelta(minutes=5)

    def restart(self) -> None:
        """Forget everything that is not on the log."""
        self.board = AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log)

    def step(self, slow: Mapping[str, float | None] | None = None, free_mph: float = FREE_MPH) -> list[TrafficAlert]:
        """One more step: all sensors free but those in `slow`; `None` for a missing one."""
        row = np.full(len(self.network.sensors), free_mph)
        for name, speed in (slow or {}).items():
            row[self.network.index[SensorId(name)]] = np.nan if speed is None else speed
        return self.feed(row)

    def feed(self, row: NDArray[np.float64]) -> list[TrafficAlert]:
        """One more step of speeds in the order of the network's sensors."""
        self.rows.append(row)
        return self.judge()

    def judge(self) -> list[TrafficAlert]:
        """Judge the newest step, for the first time or again."""
        points = self.rule.points
        missing = [np.full(len(self.network.sensors), np.nan)] * (points - len(self.rows))
        speeds = np.array([*missing, *self.rows[-points:]])
        changes = self.detector.changes(self.board, self.now, speeds, np.isfinite(speeds).astype(np.float64))
        for batch in changes:
            self.board.apply(batch)
            self.batches.append(batch)
            self.log.extend(batch)
        return [alert for batch in changes for alert in batch]

    def steps(self, count: int, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]:
        """Several equal steps."""
        return [alert for _ in range(count) for alert in self.step(slow)]

    @property
    def active(self) -> Sequence[TrafficAlert]:
        return self.board.active()


@pytest.fixture(scope="session")
def make_network() -> MakeNetwork:
    return lay_out


@pytest.fixture
def road() -> Network:
    """Ten sensors each way, half a mile apart; E0 is upstream of E1, W9 upstream of W8."""
    return lay_out([mile / 2 for mile in range(10)], [mile / 2 for mile in range(10)])


@pytest.fixture
def drive(road: Network) -> Drive:
    return Drive(road)


@pytest.fixture(scope="session")
def make_drive() -> Callable[..., Drive]:
    return Drive
