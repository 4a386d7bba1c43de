import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.network import app
from metrla.data.importing.folder import write_network
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network
from tests.kit.networks import along, network_of

SENSORS = "sensor_id,latitude,longitude,freeway\n1,34.0,-118.2,I5-N\n2,34.01,-118.2,I5-N\n"


def arguments(folder: Path, **changes: str) -> list[str]:
    (folder / "sensors.csv").write_text(SENSORS)
    (folder / "edges.csv").write_text("from,to,weight\n1,2,0.6\n1,1,1\n")
    options = {
        "sensors": str(folder / "sensors.csv"),
        "edges": str(folder / "edges.csv"),
        "id": "tiny",
        "time-zone": "America/Los_Angeles",
        "out": str(folder / "out"),
        **changes,
    }
    return ["import", *(part for name, value in options.items() for part in (f"--{name}", value))]


def test_import_writes_a_folder_and_says_what_it_did(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, arguments(tmp_path, name="Tiny town"))
    assert result.exit_code == 0
    assert "network tiny with 2 sensors on 1 carriageways and 1 edges" in result.output
    assert "postmiles of 2 sensors estimated" in result.output
    network = load_network(tmp_path / "out")
    assert network.name == "Tiny town"
    assert network.reading_interval.total_seconds() == 300
    assert network.holidays is None


def test_import_does_not_overwrite_unless_told(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, arguments(tmp_path)).exit_code == 0
    with pytest.raises(ConfigurationError, match="--force"):
        CliRunner().invoke(app, arguments(tmp_path), catch_exceptions=False)
    assert CliRunner().invoke(app, [*arguments(tmp_path), "--force"]).exit_code == 0


def test_import_refuses_an_unknown_time_zone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not an IANA time zone"):
        CliRunner().invoke(app, arguments(tmp_path, **{"time-zone": "Pacific"}), catch_exceptions=False)


def test_a_check_says_of_readings_at_local_times_that_do_not_exist_that_they_are_left_out(tmp_path: Path) -> None:
    """The one sign of a file that is in UTC and does not say so."""
    assert CliRunner().invoke(app, arguments(tmp_path)).exit_code == 0
    names = [str(sensor.sensor_id) for sensor in load_network(tmp_path / "out").sensors]
    start = datetime(2012, 3, 11, 1, 30)  # noqa: DTZ001 - local time, as the file has it
    rows = [f"{start + step * timedelta(minutes=5)},60,60" for step in range(24)]
    data = tmp_path / "x.csv"
    data.write_text("\n".join([f"time,{','.join(names)}", *rows]) + "\n")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "out"), "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert "24 readings" in result.output
    said = "left out: 24 readings at local times that do not exist, in an hour that America/Los_Angeles skips"
    assert said in " ".join(result.output.split())
    in_utc = CliRunner().invoke(app, ["check", str(tmp_path / "out"), "--data", str(data), "--time-zone", "UTC"])
    assert "do not exist" not in in_utc.output
    assert "48 readings" in in_utc.output


def test_import_says_whose_holidays_the_network_keeps(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, arguments(tmp_path, holidays="US-CA")).exit_code == 0
    assert load_network(tmp_path / "out").holidays == "US-CA"
    (tmp_path / "out" / "network.toml").write_text('id = "x"\ntime_zone = "UTC"\nholidays = "US-XX"\n')
    with pytest.raises(ConfigurationError, match="US-XX"):
        load_network(tmp_path / "out")


@pytest.mark.parametrize("code", ["California", "US-XX", ""])
def test_import_refuses_holidays_that_nobody_knows(tmp_path: Path, code: str) -> None:
    with pytest.raises(ConfigurationError, match="holidays"):
        CliRunner().invoke(app, arguments(tmp_path, holidays=code), catch_exceptions=False)


def test_show_the_example() -> None:
    result = CliRunner().invoke(app, ["show"])
    assert result.exit_code == 0
    assert "US-101 N" in result.output
    assert "48 sensors, 96 edges" in result.output
    assert "America/Los_Angeles" in result.output
    assert "US-CA" in result.output


def test_show_as_json() -> None:
    shown = json.loads(CliRunner().invoke(app, ["show", "--json"]).output)
    assert shown["id"] == "la-example"
    assert len(shown["carriageways"]) == 12
    assert shown["graph"]["sensors_without_edge"] == 0


def test_show_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no network folder"):
        CliRunner().invoke(app, ["show", str(tmp_path)], catch_exceptions=False)


def test_check_says_all_that_is_wrong(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, arguments(tmp_path)).exit_code == 0
    sound = CliRunner().invoke(app, ["check", str(tmp_path / "out")])
    assert sound.exit_code == 0
    assert "network tiny is sound: 2 sensors, 1 edges" in sound.output
    sensors = tmp_path / "out" / "sensors.csv"
    sensors.write_text(sensors.read_text().replace(",N,", ",up,"))
    broken = CliRunner().invoke(app, ["check", str(tmp_path / "out")])
    assert broken.exit_code != 0
    assert broken.output.count("direction 'up' is not N, E, S or W") == 2
    assert "2 faults" in str(broken.exception)


def test_import_makes_networks_of_other_windows(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, arguments(tmp_path, **{"window-minutes": "15"})).exit_code == 0
    network = load_network(tmp_path / "out")
    assert network.window.total_seconds() == network.reading_interval.total_seconds() == 900


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"window-minutes": "7"}, "a day is not a whole number"),
        ({"reading-interval": "nan"}, "--reading-interval"),
        ({"reading-interval": "600"}, "readings every"),
        ({"id": "a\tb"}, "not printable"),
        ({"id": "x" * 300}, "id"),
    ],
)
def test_import_writes_nothing_that_no_loader_takes(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        CliRunner().invoke(app, arguments(tmp_path, **changes), catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_check_says_whether_a_file_fits(tmp_path: Path) -> None:
    write_network(network_of(*along("I-5 N", ("1", "2"))), tmp_path / "net")
    rows = [f"2012-05-02 00:{minute:02},{speed},60" for minute, speed in enumerate((60, 60, -1, 999, 60, 0, 60))]
    (tmp_path / "x.csv").write_text("\n".join(("time,1,2", *rows)) + "\n")
    found = CliRunner().invoke(app, ["check", str(tmp_path / "net"), "--data", str(tmp_path / "x.csv")])
    assert found.exit_code == 0
    said = found.output.splitlines()
    assert "is sound" in said[0]
    assert "it fits: 2 windows of 2 sensors from 2012-05-02T07:00:00+00:00 on, 13 readings" in said[1]
    assert said[2] == "  a reading every 1 min, of which windows of 5 min are the means"
    assert said[3].startswith("  2 of 13 readings (15.4%) left out: 2 out of range")


@pytest.mark.parametrize("name", ["Städte 'Nord' \U0001f600", 'a "quoted" \\ name', "日本"])
def test_import_keeps_names_of_any_script(tmp_path: Path, name: str) -> None:
    assert CliRunner().invoke(app, arguments(tmp_path, name=name, id=name)).exit_code == 0
    network = load_network(tmp_path / "out")
    assert (network.name, network.network_id) == (name, name)


@pytest.mark.parametrize(
    ("table", "old", "new", "reason"),
    [
        ("edges.csv", "1,2,0.6", "1,2,-1", r"edges.csv, row 1: weight '-1' is not within 0 to 1"),
        ("edges.csv", "1,2,0.6", "1,2", r"edges.csv, row 1: 2 cells, but 3 columns"),
        ("edges.csv", "1,2,0.6", "1,2,0.6,7", r"edges.csv, row 1: 4 cells, but 3 columns"),
        ("edges.csv", ",", ";", r"not by semicolons"),
        ("sensors.csv", "2,34.01", "2\x1b,34.01", r"id '2.*not printable"),
        ("sensors.csv", "sensor_id", "PK\x03\x04", r"a zip file"),
    ],
)
def test_import_blames_the_table_that_is_at_fault(tmp_path: Path, table: str, old: str, new: str, reason: str) -> None:
    options = arguments(tmp_path)
    file = tmp_path / table
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match=reason) as refused:
        CliRunner().invoke(app, options, catch_exceptions=False)
    assert not (tmp_path / "out").exists()
    assert "network check" not in str(refused.value)


def test_import_writes_into_no_folder_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("precious")
    with pytest.raises(ConfigurationError, match="other files"):
        CliRunner().invoke(app, [*arguments(tmp_path), "--force"], catch_exceptions=False)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.doc"]
