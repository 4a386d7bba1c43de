"""What ends is started again, less and less quickly while it cannot run, until it is given up."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from metrla.local.launcher import supervisor
from metrla.local.launcher.process import ProcessPlan


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
