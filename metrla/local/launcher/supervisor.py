"""Keeps a set of processes running: starts them in order, restarts what dies, stops them in order."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from metrla.local.launcher.process import ChildProcess, LaunchError, ProcessPlan
from shared.kafka.persistence import Pauses

READY_TIMEOUT_S = 60.0
STOP_GRACE_S = 15.0
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 2.0
# A child that ran for so long ended for another reason than that it cannot start.
STEADY_S = 30.0
MAX_RESTARTS = 20

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

    async def start(self, *plans: ProcessPlan) -> Sequence[ChildProcess]:
        """Start all plans at once and return when every one is ready; raises `LaunchError` otherwise."""
        children = [ChildProcess(plan) for plan in plans]
        for child in children:
            await child.start()
            self.children.append(child)
        await asyncio.gather(*(child.wait_ready(READY_TIMEOUT_S) for child in children))
        self._watchers.extend(asyncio.create_task(self._watch(child)) for child in children if child.plan.restart)
        return children

    async def stop(self) -> None:
        """Stop every child, the last started first, so that a feed stops before the services that it feeds."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for child in reversed(self.children):
            if not await child.stop(STOP_GRACE_S):
                self._announce(f"{child.plan.name} did not stop within {STOP_GRACE_S:.0f} s and was killed")

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


@asynccontextmanager
async def supervise(announce: Announce) -> AsyncIterator[Supervisor]:
    """A supervisor whose children are stopped on leaving, whatever happened."""
    supervisor = Supervisor(announce)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
