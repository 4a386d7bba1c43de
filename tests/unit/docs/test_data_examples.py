"""The examples of docs/data.md, run as they stand against an archive and a store in the default places."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metrla.cli.archive import app as archive_commands
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import raw_path
from shared.archive.url import open_archive
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficEvent,
    TrafficPrediction,
)
from shared.store.model_records import HorizonScore, ModelScore
from shared.store.url import open_store
from tests.kit.places import ROOT

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
NETWORK = NetworkId("metr-la")
SENSORS = (SensorId("767541"), SensorId("767542"))
START = datetime(2012, 5, 2, 8, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def speed_mph(sensor: SensorId, step: int) -> float:
    return 60.0 if sensor == SENSORS[0] else 30.0 + step


def window(sensor: SensorId, step: int) -> ProcessedTrafficAggregate:
    start, speed = START + step * STEP, speed_mph(sensor, step)
    return ProcessedTrafficAggregate(
        NETWORK, sensor, start, start + STEP, 1, 1, speed, speed, speed, 0.0, None, None, 1.0, f"{sensor}-{step}"
    )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    events = [
        ArchivedEvent(
            TrafficEvent(f"{sensor}-{step}", NETWORK, sensor, START + step * STEP, speed_mph(sensor, step)),
            0,
            12 * place + step,
        )
        for place, sensor in enumerate(SENSORS)
        for step in range(12)
    ]
    again = ArchivedEvent(events[0].event, 0, 24)
    archive = open_archive((tmp_path / ".metrla" / "archive").as_uri())
    archive.write(raw_path(NETWORK, START, 0, 0, 24), encode_container([*events, again]))
    windows = [window(sensor, step) for sensor in SENSORS for step in range(12)]
    origin = START + STEP
    forecasts = tuple(
        HorizonForecast(5 * number, origin + number * STEP, 60.0 - number, 0.0, 120.0, 0.5) for number in range(1, 13)
    )
    scores = [
        ModelScore(
            NETWORK,
            "ensemble",
            "1",
            origin + step * STEP,
            1,
            (),
            0,
            (HorizonScore(15, 10, 25.0, 90.0, 1.0, 9, 8, 8.1),),
        )
        for step in range(2)
    ]
    with closing(open_store(f"sqlite:///{tmp_path / '.metrla' / 'store.sqlite'}")) as store:
        store.put_aggregates(windows)
        store.put_model_scores(scores)
        store.put_predictions(
            [TrafficPrediction(NETWORK, SENSORS[0], origin, "linear_regression", "1", 1, 60.0, forecasts)]
        )
    return tmp_path


@pytest.mark.parametrize("example", examples("python"), ids=range(len(examples("python"))))
def test_python(example: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (data / ".metrla" / "store.sqlite").exists()
    names: dict[str, Any] = {}
    exec(compile(example, "docs/data.md", "exec"), names)  # noqa: S102 - our own page
    shown = capsys.readouterr().out
    assert SENSORS[0] in shown
    if "speeds" in names:
        assert names["speeds"].shape == (12, 2)
    if "open_archive" in names:
        assert len(names["events"]) == 24


def test_parquet(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = (data / ".metrla" / "archive").as_uri()
    command = ["read", "--network", NETWORK, "--from", "2012-05-02", "--to", "2012-05-03", "--out", "day.parquet"]
    assert CliRunner().invoke(archive_commands, [*command, "--archive-url", url]).exit_code == 0
    (example,) = examples("python parquet")
    names: dict[str, Any] = {}
    exec(compile(example, "docs/data.md", "exec"), names)  # noqa: S102 - our own page
    assert names["readings"].num_rows == 24
    assert str(names["readings"].schema.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    shown = capsys.readouterr().out
    assert SENSORS[1] in shown
    assert SENSORS[0] not in shown


def test_sql(data: Path) -> None:
    slowest, errors, live = examples("sql")
    with closing(sqlite3.connect(data / ".metrla" / "store.sqlite")) as connection:
        found = connection.execute(slowest).fetchall()
        assert len(found) == 10
        assert found[0] == (SENSORS[1], "2012-05-02 08:00:00", 30.0)
        # Horizons 5 to 55 minutes have a window to be judged by; the 12th ends an hour and five minutes after START.
        assert connection.execute(errors).fetchall() == [
            ("linear_regression", 5 * number, 1, float(number)) for number in range(1, 12)
        ]
        assert connection.execute(live).fetchall() == [("ensemble", 15, "2012-05-02 08:00", 20, 2.5, 90.0)]
        plan = " ".join(str(step[-1]) for step in connection.execute(f"EXPLAIN QUERY PLAN {errors}"))
        assert "SEARCH a USING PRIMARY KEY" in plan
