"""Recent speeds from what is at hand: a published file and archived events say the same of the same days."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from metrla.cli.feeding.history import begin_with
from metrla.data.feeds.files.times import PLAIN
from metrla.data.recent_speeds import recent_in_archive, recent_in_file
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import hour_of, raw_path
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError
from shared.events.records import TrafficEvent
from shared.forecasting.registry.recent_speeds import recent_before
from shared.forecasting.warm_up import recent_rows
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow
from tests.kit.networks import along, network_of

NETWORK = network_of(*along("I-5 N", ["a", "b", "c"]))
START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday, midnight in Los Angeles
ROWS, UNTIL = 3 * 288, 2 * 288 + 100


@pytest.fixture(scope="module")
def speed_mph() -> Floats:
    """Three days with a hole for a part of the sensors and one for all of them, in two decimals."""
    speeds = np.random.default_rng(4).uniform(5, 70, (ROWS, 3)).round(2)
    speeds[100:130, 1] = speeds[300:420] = np.nan
    return speeds


@pytest.fixture
def file(tmp_path: Path, speed_mph: Floats) -> Path:
    path = tmp_path / "speeds.csv"
    with path.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["", "a", "b", "c"])
        for row, speeds in enumerate(speed_mph):
            local = (START + row * NETWORK.window).astimezone(NETWORK.time_zone)
            table.writerow([f"{local:%Y-%m-%d %H:%M:%S}", *np.nan_to_num(speeds)])
    return path


@pytest.fixture
def archive(tmp_path: Path, speed_mph: Floats) -> LocalArchive:
    """The same as events, each as two readings of one window; the first of every hour came twice."""
    archive, hours = LocalArchive(tmp_path / "archive"), defaultdict[datetime, list[TrafficEvent]](list)
    for row, speeds in enumerate(speed_mph):
        for sensor, speed in zip(NETWORK.sensors, speeds.tolist(), strict=True):
            for second, off in ((0, -1.0), (150, 1.0)):
                at = START + row * NETWORK.window + timedelta(seconds=second)
                if not np.isnan(speed):
                    reading = TrafficEvent(f"{at}", NETWORK.network_id, sensor.sensor_id, at, speed_mph=speed + off)
                    hours[hour_of(at)].append(reading)
    offset = 0
    for hour, events in hours.items():
        listed = [ArchivedEvent(event, 0, place) for place, event in enumerate([*events, events[0]], start=offset)]
        archive.write(raw_path(NETWORK.network_id, hour, 0, offset, offset + len(listed) - 1), encode_container(listed))
        offset += len(listed)
    return archive


def assert_alike(found: Sequence[RecentRow], wanted: Sequence[RecentRow]) -> None:
    assert [(row.slot, row.window_start) for row in found] == [(row.slot, row.window_start) for row in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.total_mph, other.total_mph, rtol=1e-6)
        np.testing.assert_array_equal(one.days, other.days)


def wanted_rows(speed_mph: Floats, rows: int) -> Sequence[RecentRow]:
    return recent_rows(NETWORK, START, speed_mph[:rows].astype(np.float32).astype(np.float64))


def test_a_file_gives_the_recent_speeds_of_what_lies_before(file: Path, speed_mph: Floats) -> None:
    until = START + UNTIL * NETWORK.window
    found = recent_in_file(file, NETWORK, until + timedelta(minutes=2), PLAIN, skip_unknown=False)
    assert_alike(found, wanted_rows(speed_mph, UNTIL))
    assert_alike(recent_in_file(file, NETWORK, None, PLAIN, skip_unknown=False), wanted_rows(speed_mph, ROWS))
    assert recent_in_file(file, NETWORK, START, PLAIN, skip_unknown=False) == ()


def test_an_archive_gives_the_same(archive: LocalArchive, speed_mph: Floats) -> None:
    until = START + UNTIL * NETWORK.window
    assert_alike(recent_in_archive(archive, NETWORK, until), wanted_rows(speed_mph, UNTIL))
    assert not recent_in_archive(archive, NETWORK, START)


def test_what_cannot_be_had_costs_a_line_and_no_forecast(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, until = tmp_path.as_uri(), START + UNTIL * NETWORK.window

    def of(network: Network) -> Sequence[RecentRow]:
        return recent_in_file(file, network, until, PLAIN, skip_unknown=False)

    begin_with(url, NETWORK, lambda: of(NETWORK))
    assert "recent speeds of the days up to 2026-03-04 08:20 PST" in capsys.readouterr().out
    assert len(recent_before(LocalArchive(tmp_path), NETWORK, until)) == 288
    stranger = network_of(*along("I-5 N", ["x"]))
    with pytest.raises(ConfigurationError):
        of(stranger)
    begin_with(url, stranger, lambda: of(stranger))
    assert "forecasts begin without recent speeds: " in capsys.readouterr().err
