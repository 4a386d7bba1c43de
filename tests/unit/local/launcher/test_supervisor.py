"""What ends is started again, less and less quickly while it cannot run, until it is given up."""

import asyncio
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from metrla.local.launcher import process, supervisor
from metrla.local.launcher.plan import free_port
from metrla.local.launcher.process import ProcessPlan
from tests.kit.until import until


async def told_of(program: str, log_file: Path, restarts: int) -> list[str]:
    announced: list[str] = []
    async with supervisor.supervise(announced.append) as supervised:
        supervised._max_restarts = restarts
        await supervised.start(ProcessPlan("child", [sys.executable, "-Sc", program], {}, log_file))
        await asyncio.wait_for(supervised.failed.wait(), 60)
        assert f"child ended {restarts} times" in str(supervised.failure)
    return announced


def pauses(announced: list[str]) -> list[float]:
    return [float(found[1]) for line in announced if (found := re.search(r"status 3; .* in ([\d.]+) s", line))]


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.persistence.random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr(supervisor, "FIRST_RESTART_S", 0.1)
    monkeypatch.setattr(supervisor, "LONGEST_RESTART_S", 0.4)


async def test_pauses_grow_while_a_child_ends_at_once(tmp_path: Path) -> None:
    assert pauses(await told_of("raise SystemExit(3)", tmp_path / "log", 4)) == [0.1, 0.2, 0.4, 0.4]


async def test_a_child_that_ran_steadily_is_started_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STEADY_S", 0.0)
    assert pauses(await told_of("raise SystemExit(3)", tmp_path / "log", 3)) == [0.1, 0.1, 0.1]


SERVER = """
import http.server, os, sys, time
class Live(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
time.sleep({delay_s})
http.server.HTTPServer(("127.0.0.1", {port}), Live).serve_forever()
"""


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LIVE_EVERY_S", 0.05)
    monkeypatch.setattr(process, "LIVE_ANSWER_S", 0.3)


def answering(log_file: Path, delay_s: float = 0.0) -> ProcessPlan:
    port = free_port()
    program = SERVER.format(delay_s=delay_s, port=port)
    command = [sys.executable, "-Ec", program]
    return ProcessPlan("child", command, {}, log_file, live_url=f"http://127.0.0.1:{port}/live")


@pytest.mark.usefixtures("_impatient")
async def test_what_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    announced: list[str] = []
    async with supervisor.supervise(announced.append) as supervised:
        (child,) = await supervised.start(answering(tmp_path / "log"))
        await until(child.is_live, "it answers")
        await asyncio.sleep(0.3)  # the supervisor has heard it, too
        assert child.restarts == 0
        for restarts in (1, 2):
            child.signal(signal.SIGSTOP)
            await until(lambda: child.restarts == restarts and child.running, "it is started again")  # noqa: B023 - awaited here
            await until(child.is_live, "it answers again")
            await asyncio.sleep(0.3)
    assert sum("does not answer" in line for line in announced) == 2
    assert sum("ended with status -9" in line for line in announced) == 2


@pytest.mark.usefixtures("_impatient")
async def test_what_hangs_again_and_again_is_given_more_time(tmp_path: Path) -> None:
    waited: list[float] = []
    async with supervisor.supervise(lambda _: None) as supervised:
        (child,) = await supervised.start(answering(tmp_path / "log"))
        for restarts in (1, 2, 3):
            await until(child.is_live, "it answers")
            await asyncio.sleep(0.5)  # the supervisor has heard it, too
            child.signal(signal.SIGSTOP)
            began = time.monotonic()
            await until(lambda: child.restarts == restarts, "it was killed")  # noqa: B023 - awaited here
            waited.append(time.monotonic() - began)
            await until(lambda: child.running, "it is started again")
    assert waited[1] > 1.4 * waited[0]
    assert waited[2] > 1.4 * waited[1]


async def test_what_is_slow_to_be_ready_is_named_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SLOW_START_S", 0.5)
    ready = tmp_path / "ready"
    program = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    announced: list[str] = []
    async with supervisor.supervise(announced.append) as supervised:
        plan = ProcessPlan("child", [sys.executable, "-Sc", program], {}, tmp_path / "log", ready_file=ready)
        (child,) = await supervised.start(plan)
        assert child.restarts == 0
    assert announced == ["still starting after 0 s, on a loaded machine perhaps: child"]


async def test_a_start_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    async with supervisor.supervise(print) as supervised:
        plan = ProcessPlan("child", [sys.executable, "-Sc", "import time; time.sleep(60)"], {}, tmp_path / "log")
        never = replace(plan, ready_file=tmp_path / "never")
        starting = asyncio.create_task(supervised.start(plan, never))
        await until(lambda: len(supervised.children) == 2 and supervised.children[1].running, "both run")
        starting.cancel()
        await asyncio.wait({starting})
    assert not any(child.running for child in supervised.children)


@pytest.mark.usefixtures("_impatient")
async def test_what_starts_slowly_is_left_alone(tmp_path: Path) -> None:
    announced: list[str] = []
    async with supervisor.supervise(announced.append) as supervised:
        (child,) = await supervised.start(answering(tmp_path / "log", delay_s=3.0))
        await until(child.is_live, "it answers")
        assert child.restarts == 0
    assert not announced


async def test_a_stopped_process_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async with supervisor.supervise(print) as supervised:
        (child,) = await supervised.start(
            ProcessPlan("child", [sys.executable, "-Sc", "import time; time.sleep(60)"], {}, tmp_path / "log")
        )
        assert not child.suspended
        child.signal(signal.SIGSTOP)
        await until(lambda: child.suspended, "it is shown as suspended")
        assert await child.stop(10.0)
        assert not child.suspended
