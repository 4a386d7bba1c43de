"""What the published files hold, where they are at hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.replay import Missing, Replay
from metrla.data.feeds.speed_table import speed_table
from metrla.data.importing.published import import_network
from shared.traffic.network import Network

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.fixture(scope="module")
def metr_la(real_data: Path) -> Network:
    folder = real_data / "metr_la"
    network, _ = import_network(
        folder / "sensors.csv", folder / "adjacency.csv", "metr-la", LOS_ANGELES, None, timedelta(minutes=5)
    )
    return network


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOS_ANGELES).astimezone(UTC)


def test_one_day_of_metr_la_is_its_non_missing_cells(metr_la: Network, real_data: Path) -> None:
    path = real_data / "metr_la" / "speeds.parquet"
    cells = pd.read_parquet(path).loc["2012-05-02"].to_numpy()
    assert cells.size == 59_616
    replay = Replay(open_readings(path), metr_la, day("2012-05-02"), day("2012-05-03"))
    events = [event for delivery in replay.deliveries() for event in delivery.events]
    assert len(events) == np.count_nonzero(cells)
    assert len({event.event_id for event in events}) == len(events)
    assert min(event.timestamp for event in events) == datetime(2012, 5, 2, 7, tzinfo=UTC)
    assert [event.speed_mph for event in events] == [float(cell) for cell in cells.ravel() if cell]
    assert replay.counts.read == cells.size


def test_marking_keeps_every_cell(metr_la: Network, real_data: Path) -> None:
    recording = open_readings(real_data / "metr_la" / "speeds.parquet")
    replay = Replay(recording, metr_la, day("2012-05-02"), day("2012-05-03"), Missing.MARK)
    assert sum(len(delivery.events) for delivery in replay.deliveries()) == 59_616


def test_metr_la_says_nothing_in_the_hour_that_spring_skips(metr_la: Network, real_data: Path) -> None:
    recording = open_readings(real_data / "metr_la" / "speeds.parquet")
    replay = Replay(recording, metr_la, day("2012-03-11"), day("2012-03-12"))
    times = {delivery.at for delivery in replay.deliveries()}
    assert len(times) == 23 * 12
    assert replay.counts.skipped_hour == 0


def test_all_of_metr_la_as_a_table(metr_la: Network, real_data: Path) -> None:
    table = speed_table(open_readings(real_data / "metr_la" / "speeds.parquet"), metr_la)
    speeds = table.speed_mph
    assert table.start == day("2012-03-01")
    assert table.skipped_windows == 12
    assert speeds.shape == (34_272 - 12, 207)
    assert np.isnan(speeds[: 31 * 288]).any()
    assert np.nanmean(speeds) == pytest.approx(58.46, abs=0.01)


def test_sixteen_sensors_of_pems_bay(real_data: Path) -> None:
    folder = real_data / "pems_bay"
    network, _ = import_network(
        folder / "stations_325.csv",
        folder / "distances_metres.csv",
        "pems-bay",
        LOS_ANGELES,
        None,
        timedelta(minutes=5),
    )
    recording = open_readings(folder / "speeds_16_sensors.parquet")
    replay = Replay(recording, network, day("2017-03-12"), day("2017-03-13"))
    assert len({delivery.at for delivery in replay.deliveries()}) == 23 * 12
