import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from metrla.cli.archive import app
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import MODEL_FILE, model_path, raw_path
from shared.archive.url import open_archive
from shared.events.errors import ArchiveError, ConfigurationError
from shared.events.records import NetworkId, SensorId, TrafficEvent

NETWORK = NetworkId("metr-la")
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)


def archived(minute: int, offset: int, sensor: str = "a", speed_mph: float | None = 61.25) -> ArchivedEvent:
    event = TrafficEvent(f"e{offset}", NETWORK, SensorId(sensor), START + timedelta(minutes=minute), speed_mph)
    return ArchivedEvent(event, 0, offset)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return (tmp_path / "archive").as_uri()


@pytest.fixture
def filled(url: str) -> str:
    archive = open_archive(url)
    first = [archived(0, 0), archived(5, 1, "b"), archived(0, 2), archived(10, 3, speed_mph=None)]
    archive.write(raw_path(NETWORK, START, 0, 0, 3), encode_container(first))
    archive.write(raw_path(NETWORK, START + timedelta(hours=1), 0, 4, 4), encode_container([archived(60, 4)]))
    archive.write(model_path(NETWORK, "linear_regression", "1", MODEL_FILE), b"weights")
    return url


def run(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--archive-url", url], catch_exceptions=False, env={"COLUMNS": "300"})


def test_ls_lists_objects(filled: str) -> None:
    result = run("ls", url=filled)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 4
    assert lines[1].split() == ["traffic-data/models/metr-la/linear_regression/1/model.safetensors", "7"]
    under = run("ls", "traffic-data/models/", "--format", "json", url=filled)
    assert [found["size_bytes"] for found in json.loads(under.stdout)] == [7]


def test_ls_of_nothing_says_so(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        run("ls", url=(tmp_path / "absent").as_uri())
    open_archive(url).ping()
    result = run("ls", url=url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "The archive has no objects here.\n")


def test_ls_does_not_leave_the_archive(filled: str) -> None:
    with pytest.raises(ArchiveError, match="not a safe name"):
        run("ls", "../..", url=filled)


def test_read_counts_a_reading_once(filled: str) -> None:
    rows = list(csv.DictReader(io.StringIO(run("read", "--format", "csv", url=filled).stdout)))
    assert [row["offset"] for row in rows] == ["0", "1", "3", "4"]
    assert rows[0]["timestamp"] == "2012-05-02T07:00:00Z"
    assert rows[0]["speed_mph"] == "61.25"
    assert rows[2]["speed_mph"] == ""
    raw = list(csv.DictReader(io.StringIO(run("read", "--raw", "--format", "csv", url=filled).stdout)))
    assert [row["offset"] for row in raw] == ["0", "1", "2", "3", "4"]


def test_read_by_network_sensor_and_time(filled: str) -> None:
    def offsets(*arguments: str) -> list[int]:
        return [row["offset"] for row in json.loads(run("read", "--format", "json", *arguments, url=filled).stdout)]

    assert offsets("--sensor", "b") == [1]
    assert offsets("--network", "metr-la", "--from", "2012-05-02T07:05", "--to", "2012-05-02T08:00") == [1, 3]
    assert offsets("--from", "2012-05-02T01:00:00-07:00") == [4]
    with pytest.raises(ConfigurationError, match="--network 'pems-bay'"):
        offsets("--network", "pems-bay")


def test_read_into_a_parquet_file(filled: str, tmp_path: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - slow to import

    out = tmp_path / "events.parquet"
    result = run("read", "--out", str(out), url=filled)
    assert (result.exit_code, result.stdout) == (0, "")
    frame = pd.read_parquet(out)
    assert list(frame["offset"]) == [0, 1, 3, 4]
    assert str(frame["timestamp"].dtype) == "datetime64[ms, UTC]"
    assert frame["speed_mph"].isna().tolist() == [False, False, True, False]


def test_read_of_nothing_says_so(url: str) -> None:
    open_archive(url).ping()
    result = run("read", url=url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No events match.\n")


def test_a_url_of_no_archive_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="file://"):
        run("ls", url="s3://bucket")


@pytest.mark.parametrize("command", ["ls", "read", "verify"])
def test_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "METRLA_ARCHIVE_URL" in result.stdout
