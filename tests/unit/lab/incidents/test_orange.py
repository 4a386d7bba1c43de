"""The command on the days and the log of Orange County, and what it refuses."""

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from metrla.cli.main import app
from metrla.lab.incidents.detectors import LEVELS
from shared.events.errors import ConfigurationError
from tests.kit.places import ORANGE

with_data = pytest.mark.skipif(
    not (ORANGE / "incidents.csv").exists(), reason=f"Orange is not at {ORANGE} (set METRLA_DATA)"
)
STATIONS = "Fwy,Abs PM,ID,Lanes,Type\nI5-N,1.0,1,4,Mainline\nI5-N,1.5,2,4,Mainline\nI5-N,1.5,3,1,On Ramp\n"
SPEEDS = "time,1,2\n2022-01-03 00:00:00,60,60\n2022-01-03 23:55:00,60,60\n"


def run(*arguments: str | Path | int) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, ["evaluate-alerts", *map(str, arguments)])
    return result.exit_code, result.output, result.exception


@with_data
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_ships_is_scored_on_the_last_days_of_orange(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    code, output, failed = run(
        *("--data", ORANGE, "--network", ORANGE / "stations.csv", "--incidents", ORANGE / "incidents.csv"),
        *("--detector", "live", "--detector", "fixed threshold", "--json", figures),
    )
    assert code == 0, (output, failed)
    found = json.loads(figures.read_text())
    assert (found["first_scored_day"], found["last_scored_day"]) == ("2022-01-15", "2022-01-28")
    shipped = found["shipped"]
    assert shipped["disturbances"] == len(found["disturbances"]) > 0
    assert shipped["alarms"] == len(found["alarms"]["live"]) == sum(shipped["verdicts"].values())
    assert shipped["detected"] == len({at for alarm in found["alarms"]["live"] for at in alarm["disturbances"]})
    assert len(found["detectors"]["fixed threshold"]["levels"]) == LEVELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stations.csv").write_text(STATIONS)
    (tmp_path / "speed.csv").write_text(SPEEDS)
    (tmp_path / "log.csv").write_text("Start Time,Freeway,Abs PM,Duration (mins)\n01-03-22 10:00,I5-N,1.2,5\n")
    return tmp_path


def test_what_is_to_be_detected_must_be_said(folder: Path) -> None:
    _, _, failed = run("--data", folder / "speed.csv", "--network", folder / "stations.csv")
    assert isinstance(failed, ConfigurationError)
    assert "--incidents" in str(failed)


def test_one_day_is_too_few(folder: Path) -> None:
    _, _, failed = run(
        *("--data", folder / "speed.csv", "--network", folder / "stations.csv"),
        *("--incidents", folder / "log.csv"),
    )
    assert isinstance(failed, ConfigurationError)
    assert "days" in str(failed)


@pytest.mark.parametrize(
    ("table", "message"),
    [("Fwy,Abs PM,ID,Type\nI5-N,1.0,1,On Ramp\n", "no mainline"), ("Fwy,Abs PM,ID\nI5-N,,1\n", "postmile")],
)
def test_a_table_that_makes_no_network_is_refused(folder: Path, table: str, message: str) -> None:
    (folder / "stations.csv").write_text(table)
    _, _, failed = run(
        *("--data", folder / "speed.csv", "--network", folder / "stations.csv"),
        *("--incidents", folder / "log.csv"),
    )
    assert isinstance(failed, ConfigurationError)
    assert message in str(failed)


def test_what_ships_finds_a_crash_that_closes_a_road(tmp_path: Path) -> None:
    """From the files to the figures, whatever detects: a standstill amid free flow, and its row in the log."""
    stations, days, crash = 6, 5, slice(288 * 4 + 150, 288 * 4 + 162)
    rng = np.random.default_rng(4)
    speed = rng.normal(63, 1.5, (288 * days, stations))
    speed[crash, 1:4] = rng.uniform(5, 11, (12, 3))
    with (tmp_path / "speed.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", *range(stations)])
        begin = datetime(2022, 1, 3)  # noqa: DTZ001 - local, as in published files
        table.writerows([begin + timedelta(minutes=5 * window), *np.round(row, 1)] for window, row in enumerate(speed))
    rows = [f"I5-N,{number / 2},{number},4,Mainline" for number in range(stations)]
    (tmp_path / "stations.csv").write_text("\n".join(["Fwy,Abs PM,ID,Lanes,Type", *rows]))
    (tmp_path / "log.csv").write_text(
        "Start Time,Duration (mins),Freeway,Abs PM\n01-04-22 09:00,20,I5-N,1.6\n01-07-22 12:35,50,I-5 North,1.6\n"
    )
    figures = tmp_path / "figures.json"
    code, output, failed = run(
        *("--data", tmp_path / "speed.csv", "--network", tmp_path / "stations.csv", "--tuning-days", 3),
        *("--incidents", tmp_path / "log.csv", "--detector", "live", "--json", figures),
    )
    assert code == 0, (output, failed)
    found = json.loads(figures.read_text())
    shipped = found["shipped"]
    assert (shipped["disturbances"], shipped["detected_share"], shipped["placebo_share"]) == (1, 1.0, 0.0)
    assert 5 <= shipped["median_minutes"] <= 20
    assert shipped["false_alarms_per_100_sensor_days"] == pytest.approx(
        100 * shipped["false_alarms"] / found["sensor_days"]
    )
    (disturbance,) = found["disturbances"]
    assert (disturbance["logged_at"], disturbance["onset"]) == ("2022-01-07T12:35:00", "2022-01-07T12:30:00")
    assert disturbance["rows"] == [2]
    assert [alarm["verdict"] for alarm in found["alarms"]["live"]][:1] == ["detection"]


def test_injected_incidents_are_found_again(tmp_path: Path) -> None:
    stations, days = 8, 10
    rng = np.random.default_rng(4)
    with (tmp_path / "speed.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", *range(stations)])
        begin = datetime(2022, 1, 3)  # noqa: DTZ001 - local, as in published files
        for window in range(288 * days):
            speeds = np.round(rng.normal(63, 1.5, stations), 1)
            table.writerow([begin + timedelta(minutes=5 * window), *speeds])
    rows = [f"I5-N,{number / 2},{number},4,Mainline" for number in range(stations)]
    (tmp_path / "stations.csv").write_text("\n".join(["Fwy,Abs PM,ID,Lanes,Type", *rows]))
    figures = tmp_path / "figures.json"
    code, output, failed = run(
        *("--data", tmp_path / "speed.csv", "--network", tmp_path / "stations.csv", "--inject", 6, "--tuning-days", 7),
        *("--detector", "fixed threshold", "--json", figures),
    )
    assert code == 0, (output, failed)
    told = json.loads(figures.read_text())
    found = told["detectors"]["fixed threshold"]
    queued = [one for one in told["incidents"] if one["excess_demand"] > 0]
    assert len(told["incidents"]) == len(found["minutes"]) == 6
    assert sum(group["incidents"] for group in found["by_blockage"]) == len(queued)
    assert found["light_traffic"]["incidents"] == 6 - len(queued)
    assert found["false_alarms_per_100_sensor_days"] == 0
