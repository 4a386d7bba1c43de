"""Where there is nothing to send or to show, a command says so in one line, before the broker is asked, and fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from metrla.data.importing.folder import write_network
from tests.kit.networks import along, network_of
from tests.kit.processes import environment

NO_BROKER = "127.0.0.1:1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("net")
    write_network(network_of(*along("I-5 N", ("1", "2"), degrees_per_mile=0.01)), place / "net")
    return place


def failure(folder: Path, *arguments: object) -> str:
    """The one line that a command of its own process says before it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "metrla", *map(str, arguments)],
        env=environment(NO_BROKER, folder, folder / "net"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("metrla: ")
    assert "unexpected" not in line
    return line


def speeds(cell: str, year: int = 2012) -> str:
    return "time,1,2\n" + "".join(f"{year}-05-02 00:{minute:02}:00,{cell},{cell}\n" for minute in range(0, 60, 5))


@pytest.mark.parametrize(
    "gate", [("feed", "replay", "--speed", "max"), ("demo", "--port", "0", "--duration", "9", "--data")]
)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (speeds(""), "no reading in it has a value"),
        (speeds("0"), "0 means missing"),
        (speeds("NULL"), "no reading in it has a value"),
        (speeds("999"), "out of range"),
        (speeds("60", 2099), "in the future"),
    ],
    ids=["empty", "zero", "null", "beyond", "future"],
)
def test_a_file_without_a_usable_reading(folder: Path, gate: tuple[str, ...], content: str, reason: str) -> None:
    (folder / "x.csv").write_text(content)
    assert reason in failure(folder, *gate, folder / "x.csv", "--network", folder / "net")


def test_a_broker_that_does_not_answer_is_one_line(folder: Path) -> None:
    (folder / "x.csv").write_text(speeds("60"))
    assert NO_BROKER in failure(folder, "feed", "replay", "x.csv", "--speed", "max")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("feed", "simulate", "--start", "0001-01-01T00:00"), "--start"),
        (("feed", "simulate", "--start", "9999-12-31T23:59"), "--start"),
        (("feed", "simulate", "--rate", "inf"), "--rate"),
        (("feed", "simulate", "--duration", "99999999d"), "--duration"),
        (("feed", "simulate", "--warm-up", "99999999999999d"), "--warm-up"),
        (("feed", "simulate", "--incident", "1@99999999999999"), "--incident"),
        (("advisories", "import", "http://[::1", "--dry-run"), "IPv6"),
        (("archive", "ls", "--archive-url", "file:///etc/passwd"), "no folder"),
        (("archive", "ls", "--archive-url", "file:///nonexistent"), "no such folder"),
        (("archive", "ls", "--archive-url", "file://[::1"), "archive URL"),
        (("archive", "ls", "--archive-url", ""), "archive URL"),
        (("store", "init", "--store-url", ""), "store URL"),
        (("store", "init", "--store-url", "sqlite:////dev/null"), "no regular file"),
        (("models", "list", "--network", "zz"), "--network 'zz'"),
        (("train", "--models", "zz", "--data", "x.csv"), "'zz'"),
        (("train", "--models", "", "--data", "x.csv"), "--models"),
        (("train", "--simulate", "99999999"), "--simulate"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_options_that_cannot_be_meant(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    (folder / "x.csv").write_text("no table")
    assert reason in failure(folder, *arguments)


def test_names_that_nobody_knows_are_no_empty_answer(folder: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "metrla", "store", "init", "--store-url", f"sqlite:///{folder / 'store.sqlite'}"],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0
    (folder / "archive").mkdir()
    for command in (("history", "aggregates"), ("archive", "read")):
        assert "--network 'zz'" in failure(folder, *command, "--network", "zz")
        assert "--sensor '9'" in failure(folder, *command, "--sensor", "9")
