"""Whatever a file or an option is: a command that cannot go on says so in one line, at once, and exits with 1 or 2."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrla.cli.main import main
from metrla.data.importing.folder import write_network
from tests.kit.networks import along, network_of

START = datetime(2012, 5, 2)  # noqa: DTZ001 - local


def speeds(ids: str = "1,2", rows: int = 288, minutes: int = 5, **cells: str) -> str:
    """A wide table; `cells` replaces the times of rows, as `row_7`."""
    lines = [f"time,{ids}"]
    for row in range(rows):
        time = cells.get(f"row_{row}", f"{START + row * timedelta(minutes=minutes):%Y-%m-%d %H:%M}")
        lines.append(f"{time},{','.join('60' for _ in ids.split(','))}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_network(network_of(*along("I-5 N", ("1", "2"), degrees_per_mile=0.01)), tmp_path / "net")
    return tmp_path


Fails = Callable[..., str]


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Fails:
    """Runs a command as the script does, and gives the one line that it says before it leaves."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["metrla", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code in {1, 2}
        shown = capsys.readouterr()
        said = shown.err.splitlines()
        assert len(said) == 1, shown.err
        assert said[0].startswith("metrla: ")
        assert said[0].isprintable()
        assert len(said[0]) < 1000
        assert not shown.out
        return said[0]

    return run


GATES = {
    "demo": ("demo", "--port", "0", "--duration", "20", "--data"),
    "train": ("train", "--models", "linear_regression", "--data"),
    "feed": ("feed", "replay"),
}
FILES = {
    "x.csv": [
        (speeds("1,9"), "not in network test"),
        (speeds("8,9"), "none of its 2 sensors"),
        (speeds(row_7=""), "the time is empty"),
        (speeds(row_287="yesterday"), "no times"),
        ("", "No columns"),
        (speeds().replace("60", "x" * 200_000, 1), "which is no speed"),
    ],
    "x.txt": [("", "x.txt"), ("time,1\n2012-01-01 00:00,60\n", "not a PeMS")],
}


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [(name, *case) for name, cases in FILES.items() for case in cases],
    ids=lambda value: str(value)[:12],
)
def test_a_file_that_cannot_be_read_is_refused_at_every_gate(
    fails: Fails, folder: Path, gate: str, name: str, content: str, reason: str
) -> None:
    (folder / name).write_text(content)
    said = fails(*GATES[gate], folder / name, "--network", folder / "net")
    assert reason in said
    assert name in said


@pytest.mark.parametrize(
    "gate",
    [*GATES.values(), ("evaluate-alerts", "--inject", "1", "--data"), ("network", "check")],
    ids=lambda gate: str(gate[0]),
)
@pytest.mark.parametrize("minutes", [6, 15, 60])
def test_readings_further_apart_than_windows_are_refused_at_every_gate(
    fails: Fails, folder: Path, gate: tuple[str, ...], minutes: int
) -> None:
    # A row that is missing, and one more in between, do not hide how far apart the others are.
    (folder / "x.csv").write_text(
        speeds(rows=100, minutes=minutes, row_3=f"{START + minutes * timedelta(minutes=2.5)}")
    )
    said = (
        fails(*gate, folder / "x.csv", "--network", folder / "net")
        if gate[0] != "network"
        else fails("network", "check", folder / "net", "--data", folder / "x.csv")
    )
    assert f"{minutes} min apart" in said
    assert "windows of network test last 5 min" in said
    assert f"window_minutes = {minutes}" in said


@pytest.mark.parametrize(("minutes", "hint"), [(7, "window_minutes = 8"), (61, "at most 60 min")])
def test_a_hint_names_windows_that_a_network_can_have(fails: Fails, folder: Path, minutes: int, hint: str) -> None:
    (folder / "x.csv").write_text(speeds(rows=100, minutes=minutes))
    assert hint in fails("network", "check", folder / "net", "--data", folder / "x.csv")


def test_a_check_refuses_what_a_replay_refuses_of_the_future(fails: Fails, folder: Path) -> None:
    future = f"{datetime.now(UTC).year + 4}-05-02"
    (folder / "x.csv").write_text(speeds().replace(f"{START:%Y-%m-%d}", future))
    refused = "nothing to replay, its .* readings are in the future: ingest would reject all of them"
    for command in (
        ("network", "check", folder / "net", "--data", folder / "x.csv"),
        ("feed", "replay", folder / "x.csv", "--network", folder / "net"),
    ):
        assert re.search(refused, fails(*command)), command


@pytest.mark.parametrize(
    "options", [("--time-format", "%d"), ("--time-zone", "Pacific")], ids=lambda options: str(options[0])
)
def test_options_about_times_are_those_of_every_reader(fails: Fails, folder: Path, options: tuple[str, ...]) -> None:
    (folder / "x.csv").write_text(speeds())
    data, network = ("--data", folder / "x.csv"), ("--network", folder / "net")
    for command in (
        ("evaluate-alerts", "--inject", "1", *data, *network),
        ("network", "check", folder / "net", *data),
    ):
        assert options[0] in fails(*command, *options)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--from", "yesterday"), "--from 'yesterday'"),
        (("--to", "2012-13-01"), "--to '2012-13-01'"),
        (("--from", "2013-01-01"), "x.csv"),
        (("--to", "2011-01-01"), "x.csv"),
        (("--from", "2012-05-03", "--to", "2012-05-02"), "is not before"),
        (("--time-zone", "Pacific"), "--time-zone"),
        (("--time-format", "%d"), "--time-format"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_options_that_cannot_work_are_refused_at_every_gate(
    fails: Fails, folder: Path, gate: str, options: tuple[str, ...], reason: str
) -> None:
    (folder / "x.csv").write_text(speeds())
    assert reason in fails(*GATES[gate], folder / "x.csv", "--network", folder / "net", *options)


@pytest.mark.parametrize(
    "command", [("demo", "--port", "0"), ("train", "--simulate", "6"), ("feed", "simulate"), ("network", "show")]
)
@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("network.toml", "window_minutes = 5", "window_minutes = 0", "window_minutes"),
        ("network.toml", "window_minutes = 5", "windw_minutes = 5", "did you mean window_minutes"),
        ("sensors.csv", ",N,0,", ",N,nan,", "postmile 'nan'"),
        ("sensors.csv", "sensor_id,", "sensor,", "sensor"),
        ("sensors.csv", "\n1,1,", f"\n1,{'x' * 200_000},", "line 2"),
    ],
)
def test_a_network_that_cannot_work_is_refused_by_every_command(
    fails: Fails, folder: Path, command: tuple[str, ...], name: str, old: str, new: str, reason: str
) -> None:
    file = folder / "net" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    where = () if command[0] == "network" else ("--network",)
    said = fails(*command, *where, folder / "net")
    assert reason in said
    assert name in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--to", "2012-01-01"),
        ("store", "status", "--store-url", "sqlite:////nonexistent/x.sqlite"),
        ("store", "status", "--store-url", "nonsense"),
        ("network", "show", "/nonexistent"),
        ("evaluate", "--pretrained", "--network", "/nonexistent", "--data", "x.csv"),
        ("evaluate-alerts", "--data", "/nonexistent", "--network", "/nonexistent", "--inject", "1"),
        ("models", "list", "--archive-url", "ftp://x"),
    ],
    ids=" ".join,
)
def test_other_failures_are_one_line_too(fails: Fails, arguments: tuple[str, ...]) -> None:
    fails(*arguments)


def test_a_store_that_is_no_database_is_refused_in_one_line(fails: Fails, tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("no database")
    fails("store", "status", "--store-url", f"sqlite:///{tmp_path / 'x.sqlite'}")


@pytest.mark.parametrize("error", [ValueError("two\nlines"), OSError(28, "No space left on device"), MemoryError()])
def test_an_unexpected_failure_is_one_line_unless_more_is_asked_for(
    fails: Fails, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raises(**_: object) -> None:
        raise error

    monkeypatch.setattr("metrla.cli.main.app", raises)
    assert (str(error.args[0]).split("\n")[0] if error.args else "MemoryError") in fails("network", "show")
    if isinstance(error, ValueError):
        monkeypatch.setattr(sys, "argv", ["metrla", "--traceback", "network", "show"])
        with pytest.raises(ValueError, match="two"):
            main()
