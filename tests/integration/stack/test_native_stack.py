"""The native stack itself: up, used, one server killed, up again, down, emptied."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from metrla.local.stack import jars
from metrla.local.stack.control import DATA, NativeStack, StackError
from metrla.local.stack.shape import StackShape, free_ports, read_shape
from shared.archive.url import open_archive
from shared.events.errors import ConfigurationError
from tests.kit.places import ROOT

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]


def metrla(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "metrla", "stack", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


def processes_of(run: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and any(str(run) in part for part in process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return [process for process in found if process.pid != os.getpid()]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    try:
        jars.java()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    if missing_jars := jars.missing():
        pytest.skip(f"the jars of {', '.join(missing_jars)} were not fetched: metrla stack fetch")
    folder = tmp_path / "run"
    yield folder
    metrla("down", "--run", str(folder))
    assert processes_of(folder) == []


def test_from_up_to_down(run: Path) -> None:
    up = metrla("up", "--run", str(run), "--free-ports")
    assert up.returncode == 0, up.stderr
    shape = read_shape(run)
    assert set(up.stdout.split()) >= {f"{name}={value}" for name, value in shape.addresses().items()}
    assert len(processes_of(run)) == 5

    archive = open_archive(shape.addresses()["METRLA_ARCHIVE_URL"])
    archive.write("kept/over-a-restart", b"x")

    status = metrla("status", "--run", str(run))
    assert (status.returncode, status.stdout.count("ready")) == (0, 5)

    stack = NativeStack(run, shape)
    kafka = stack.component("kafka")
    before = {state.component.name: state.pid for state in stack.states()}
    assert stack.kill(kafka)
    status = metrla("status", "--run", str(run))
    assert (status.returncode, status.stdout.count("ready"), status.stdout.count("stopped")) == (1, 4, 1)

    assert metrla("up", "--run", str(run)).returncode == 0
    after = {state.component.name: state.pid for state in stack.states() if state.ready}
    assert after.keys() == before.keys()
    assert {name for name, pid in after.items() if pid != before[name]} == {"kafka"}

    down = metrla("down", "--run", str(run))
    assert (down.returncode, down.stdout.count("stopped")) == (0, 5)
    assert processes_of(run) == []
    assert metrla("status", "--run", str(run)).returncode == 1

    assert metrla("up", "--run", str(run)).returncode == 0
    assert archive.read("kept/over-a-restart") == b"x"
    reset = metrla("reset", "--yes", "--run", str(run))
    assert reset.returncode == 0, reset.stderr
    assert not any((run / name).exists() for name in DATA)


def test_a_port_that_is_taken_is_named(run: Path) -> None:
    ports = free_ports()
    stack = NativeStack(run, StackShape(ports))
    with socket.create_server(("127.0.0.1", ports.kafka)), pytest.raises(StackError, match=f"port {ports.kafka} is"):
        stack.start(stack.component("kafka"))
