"""One day of METR-LA through the detector: as many alerts as an operator can bear, and none that a restart changes."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from metrla.data.importing.published import import_network
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import AlertStatus, AlertType, TrafficAlert
from shared.traffic.network import Network
from tests.kit.places import METR_LA

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
WINDOW = timedelta(minutes=5)

pytestmark = pytest.mark.skipif(
    not (METR_LA / "speeds.parquet").exists(), reason=f"METR-LA is not at {METR_LA} (set METRLA_DATA)"
)


@pytest.fixture(scope="module")
def network() -> Network:
    network, _ = import_network(
        METR_LA / "sensors.csv", METR_LA / "adjacency.csv", "metr-la", LOS_ANGELES, "METR-LA", WINDOW
    )
    return network


@pytest.fixture(scope="module")
def day(network: Network) -> pd.DataFrame:
    speeds = pd.read_parquet(METR_LA / "speeds.parquet")
    local = pd.DatetimeIndex(speeds.index)
    day = speeds.loc[local.normalize() == pd.Timestamp("2012-05-02"), [sensor.sensor_id for sensor in network.sensors]]
    return day.replace(0, np.nan).tz_localize(LOS_ANGELES).tz_convert("UTC")


Restart = Callable[[int], bool]


def alerts_of(network: Network, day: pd.DataFrame, restart: Restart = lambda _: False) -> list[TrafficAlert]:
    rule = CongestionRule()
    detector = CongestionDetector(network, rule, Materiality())
    board, log = AlertBoard(network, AlertType.CONGESTION), list[TrafficAlert]()
    speeds = np.vstack([np.full((rule.points - 1, len(network.sensors)), np.nan), day.to_numpy()])
    for number, start in enumerate(pd.DatetimeIndex(day.index)):
        if restart(number):
            board = AlertBoard.rebuilt(network, AlertType.CONGESTION, log)
        window = speeds[number : number + rule.points]
        for changes in detector.changes(
            board, start.to_pydatetime() + WINDOW, window, np.isfinite(window).astype(np.float64)
        ):
            board.apply(changes)
            log.extend(changes)
        covered = [sensor_id for alert in board.active() for sensor_id in alert.affected_sensors]
        assert len(covered) == len(set(covered))
    return log


def test_a_weekday_gives_an_operator_some_fifty_alerts(network: Network, day: pd.DataFrame) -> None:
    log = alerts_of(network, day)
    counts = Counter(alert.status for alert in log)
    assert 40 <= counts[AlertStatus.RAISED] <= 65
    assert counts[AlertStatus.UPDATED] <= 3.5 * counts[AlertStatus.RAISED]
    assert counts[AlertStatus.CLEARED] >= counts[AlertStatus.RAISED] - 3
    hours = Counter(alert.raised_at.astimezone(LOS_ANGELES).hour for alert in log if alert.revision == 1)
    peaks = sum(hours[hour] for hour in (6, 7, 8, 9, 15, 16, 17, 18))
    assert peaks > counts[AlertStatus.RAISED] / 2
    raised_again = Counter(
        (alert.affected_sensors[-1], alert.raised_at.astimezone(LOS_ANGELES).hour)
        for alert in log
        if alert.status is AlertStatus.RAISED
    )
    assert max(raised_again.values()) == 1, "an alert flaps"


def test_restarts_do_not_change_a_day(network: Network, day: pd.DataFrame) -> None:
    assert alerts_of(network, day, lambda number: number % 37 == 5) == alerts_of(network, day)
