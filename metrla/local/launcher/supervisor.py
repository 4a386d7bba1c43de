"""Keeps a set of processes running: starts them in order, restarts what dies or hangs, stops them in order."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf

from metrla.local.launcher.process import ChildProcess, LaunchError, ProcessPlan
from shared.kafka.persistence import Pauses

READY_TIMEOUT_S = 300.0
SLOW_START_S = 60.0
"""After so long it is said that a child is slow; on a loaded machine all of them are, and get there."""
STOP_GRACE_S = 30.0
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 2.0
# A child that ran for so long ended for another reason than that it cannot start.
STEADY_S = 30.0
MAX_RESTARTS = 20
# A process that has answered, and then misses so many answers in a row (each is waited for), hangs; one that was killed
# for that and does so again is given twice the time, because it may only be slow.
LIVE_EVERY_S = 2.0
MAX_LIVE_MISSES, MOST_PATIENCE = 3, 16
# Where our own sleep takes so much longer than asked for, it is the machine that is slow.
LATE_S = 1.0

Announce = Callable[[str], None]


class Supervisor:
    """The children of one launcher, in the order they were started; one that ended `max_restarts` times stays down."""

    def __init__(self, announce: Announce, max_restarts: int = MAX_RESTARTS) -> None:
        self.children: list[ChildProcess] = []
        self.failure: LaunchError | None = None
        self.failed = asyncio.Event()
        self._announce = announce
        self._max_restarts = max_restarts
        self._watchers: list[asyncio.Task[None]] = []
        self._groups: list[list[ChildProcess]] = []
        self._ready: set[str] = set()

    async def start(self, *plans: ProcessPlan) -> Sequence[ChildProcess]:
        """Start all plans at once and return when every one is ready; raises `LaunchError` otherwise."""
        children = [ChildProcess(plan) for plan in plans]
        self._groups.append(children)
        for child in children:
            # Known before it runs: whoever cancels this stops it as well.
            self.children.append(child)
            await child.start()
        slow = asyncio.get_running_loop().call_later(SLOW_START_S, self._say_who_is_slow, children)
        try:
            async with asyncio.TaskGroup() as waiting:
                for child in children:
                    waiting.create_task(self._wait_ready(child))
        except* LaunchError as failed:
            raise failed.exceptions[0] from None
        finally:
            slow.cancel()
        for child in children:
            if child.plan.restart:
                self._watchers.append(asyncio.create_task(self._watch(child)))
                if child.plan.live_url is not None:
                    self._watchers.append(asyncio.create_task(self._end_if_hung(child)))
        return children

    async def stop(self) -> None:
        """Stop every child: those that were started together at once, the last started first, so the broker at last."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        known = {id(child) for group in self._groups for child in group}
        others = [child for child in self.children if id(child) not in known]
        for group in (others, *reversed(self._groups)):
            stopped = await asyncio.gather(*(child.stop(STOP_GRACE_S) for child in group))
            for child, by_itself in zip(group, stopped, strict=True):
                if not by_itself:
                    self._announce(f"{child.plan.name} did not stop within {STOP_GRACE_S:.0f} s and was killed")

    async def _wait_ready(self, child: ChildProcess) -> None:
        await child.wait_ready(READY_TIMEOUT_S)
        self._ready.add(child.plan.name)

    def _say_who_is_slow(self, children: Sequence[ChildProcess]) -> None:
        slow = [child.plan.name for child in children if child.plan.name not in self._ready]
        self._announce(f"still starting after {SLOW_START_S:.0f} s, on a loaded machine perhaps: {', '.join(slow)}")

    async def _watch(self, child: ChildProcess) -> None:
        pauses = Pauses(FIRST_RESTART_S, LONGEST_RESTART_S)
        while child.restarts < self._max_restarts:
            started_s = time.monotonic()
            status = await child.wait()
            if time.monotonic() - started_s >= STEADY_S:
                pauses.restart()
            child.restarts += 1
            pause_s = pauses.longer()
            self._announce(f"{child.plan.name} ended with status {status}; starting it again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            await child.start()
        self.failure = LaunchError(f"{child.plan.name} ended {self._max_restarts} times:\n{child.log_tail()}")
        self.failed.set()

    async def _end_if_hung(self, child: ChildProcess) -> None:
        """Kill what answered once and does so no longer, so that it is started again.

        One that is still starting has not answered yet, and may take its time.
        """
        answered: int | None = None
        misses, patience, killed_s = 0, 1, -inf
        while True:
            asked_s = time.monotonic()
            await asyncio.sleep(LIVE_EVERY_S)
            late = time.monotonic() - asked_s > LIVE_EVERY_S + LATE_S
            pid = child.pid
            if not child.running:
                continue
            if await child.is_live():
                answered, misses = pid, 0
                if time.monotonic() - killed_s >= STEADY_S * patience:
                    patience = 1
            elif answered == pid == child.pid and not late:
                misses += 1
            if misses >= MAX_LIVE_MISSES * patience:
                self._announce(f"{child.plan.name} does not answer at {child.plan.live_url} any more; killing it")
                child.signal(signal.SIGKILL)
                answered, misses, killed_s = None, 0, time.monotonic()
                patience = min(2 * patience, MOST_PATIENCE)


@asynccontextmanager
async def supervise(announce: Announce) -> AsyncIterator[Supervisor]:
    """A supervisor whose children are stopped on leaving, whatever happened."""
    supervisor = Supervisor(announce)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
