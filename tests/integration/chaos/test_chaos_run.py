"""The chaos run itself, on the embedded broker: it ends clean, and leaves nothing running when interrupted."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

import psutil
import pytest

from tests.kit.places import ROOT
from tests.kit.processes import bare_environment

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


async def start(state: Path, *options: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos", "--stack", "embedded", "--state", str(state), *options),
        cwd=ROOT,
        env=bare_environment(),
        stdout=PIPE,
        stderr=STDOUT,
    )


async def test_a_small_run_loses_and_doubles_nothing_and_reports_it(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    run = await start(tmp_path / "run", "--readings", "2000", "--kills", "1", "--seed", "4", "--report", str(report))
    said, _ = await run.communicate()
    last = said.decode().strip().splitlines()[-1]
    assert run.returncode == 0, said.decode()
    assert last.startswith("lost=0 doubled=0 dead_lettered=")
    assert last in report.read_text(encoding="utf-8")


async def test_a_hostile_run_costs_honest_readings_nothing_and_ends_no_service(tmp_path: Path) -> None:
    run = await start(tmp_path / "run", "--readings", "4000", "--kills", "0", "--seed", "3", "--hostile")
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()
    assert said.decode().strip().splitlines()[-1].startswith("lost=0 doubled=0 dead_lettered=")


async def test_interrupted_it_stops_everything_that_it_started(tmp_path: Path) -> None:
    run = await start(tmp_path / "run", "--readings", "5000", "--kills", "1")
    assert run.stdout is not None
    async with asyncio.timeout(120):
        while not (await run.stdout.readline()).startswith(b"feeding"):
            assert run.returncode is None
    children = psutil.Process(run.pid).children(recursive=True)
    assert len(children) >= 5
    run.send_signal(signal.SIGINT)
    await run.communicate()
    assert run.returncode == 130
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    run = await start(tmp_path)
    said, _ = await run.communicate()
    assert run.returncode == 2
    assert b"choose another --state" in said
    assert (tmp_path / "thesis.txt").exists()
