"""Injects the planned faults, each once the feed has come to its place."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from metrla.local.launcher.plan import PipelinePlan
from metrla.local.launcher.process import ChildProcess
from metrla.local.launcher.supervisor import Supervisor
from tests.chaos.scenario import Fault, Strike
from tests.chaos.servers import Servers

POLL_S = 0.05
REMOVAL_GRACE_S = 30.0


class Injector:
    """Strikes services at once and servers one after the other.

    The feed passes the place of a fault only once that fault is under way, so that a seed puts every fault between the
    same two messages.
    """

    def __init__(self, faults: Sequence[Fault], supervisor: Supervisor, plan: PipelinePlan, servers: Servers) -> None:
        self._service_faults = [fault for fault in faults if fault.target not in servers.names]
        self._server_faults = [fault for fault in faults if fault.target in servers.names]
        self._supervisor = supervisor
        self._plan = plan
        self._servers = servers
        self._added: dict[str, ChildProcess] = {}
        self._striking: asyncio.Task[None] | None = None
        self.injected: Counter[tuple[str, Strike]] = Counter()
        self.announce: Callable[[str], None] = lambda _: None

    async def gate(self, sent: int) -> None:
        """Begin every fault that is due after `sent` messages."""
        while self._service_faults and self._service_faults[0].after <= sent:
            await self._strike_service(self._service_faults.pop(0))
        while self._server_faults and self._server_faults[0].after <= sent:
            await self.finish()
            self._striking = asyncio.create_task(self._strike_server(self._server_faults.pop(0)))

    async def finish(self) -> None:
        """Return when the server struck last is back."""
        if self._striking is not None:
            await self._striking
            self._striking = None

    async def close(self) -> None:
        """Stop what was added and not removed."""
        for child in self._added.values():
            await child.stop(REMOVAL_GRACE_S)
        if self._striking is not None:
            self._striking.cancel()
            await asyncio.gather(self._striking, return_exceptions=True)

    @property
    def left(self) -> int:
        """Faults that are still to come."""
        return len(self._service_faults) + len(self._server_faults)

    async def _strike_service(self, fault: Fault) -> None:
        self.announce(f"after {fault.after} messages: {fault.target}: {fault.strike}")
        if fault.strike is Strike.KILL:
            await self._kill(next(child for child in self._supervisor.children if child.plan.name == fault.target))
        elif fault.strike is Strike.ADD:
            plan = self._plan.service(fault.target)
            name = f"{fault.target}-2"
            child = ChildProcess(replace(plan, name=name, restart=False, log_file=self._plan.log_file(name)))
            self._added[fault.target] = child
            await child.start()
        else:
            child = self._added.pop(fault.target)
            if fault.strike is Strike.REMOVE:
                await child.stop(REMOVAL_GRACE_S)
            else:
                await self._kill(child)
                await child.wait()
        self.injected[fault.target, fault.strike] += 1

    async def _kill(self, child: ChildProcess) -> None:
        # The supervisor starts it again in its own time; its child has no event to wait for.
        while (victim := child.pid if child.running else None) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        os.kill(victim, signal.SIGKILL)
        while child.running and child.pid == victim:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)

    async def _strike_server(self, fault: Fault) -> None:
        self.announce(f"after {fault.after} messages: {fault.target}: {fault.strike}, away {fault.away_s:.0f} s")
        await self._servers.strike(fault)
        self.injected[fault.target, fault.strike] += 1
        self.announce(f"{fault.target} is back")
