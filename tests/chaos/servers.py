"""The servers that a run stands on: which there are, where, and how they are taken away."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.supervisor import Supervisor
from metrla.local.stack.control import NativeStack
from metrla.local.stack.shape import StackShape, free_ports
from tests.chaos.scenario import Fault, Strike

RETENTION_BYTES = 1024 * 1024 * 1024


class Servers(Protocol):
    """Broker, archive and store of one run; what `start` started, `stop` stops."""

    names: Sequence[str]

    @property
    def broker_port(self) -> int:
        """Where the broker listens."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The services' settings that lead to archive and store, beyond the folder of the run."""

    async def start(self, supervisor: Supervisor, plan: PipelinePlan) -> None:
        """Start all of them and return when they are ready."""

    async def strike(self, fault: Fault) -> None:
        """Take one away and bring it back; returns when it is ready."""

    async def stop(self) -> None:
        """Stop all of them."""


class EmbeddedServers:
    """The embedded broker, a folder and SQLite. The broker holds the log in memory, so no server is struck."""

    names: Sequence[str] = ()

    def __init__(self) -> None:
        self.broker_port = free_port()
        self.settings: Mapping[str, str] = {}

    async def start(self, supervisor: Supervisor, plan: PipelinePlan) -> None:
        """See `Servers.start`; the supervisor stops the broker."""
        await supervisor.start(plan.broker())

    async def strike(self, fault: Fault) -> None:
        """There is nothing to strike."""
        raise AssertionError(fault)

    async def stop(self) -> None:
        """Nothing beyond the supervisor's."""


class NativeServers:
    """A native stack of this run's own, on free ports; of `only` some servers, with folder and SQLite for the rest."""

    def __init__(self, run: Path, only: Sequence[str] | None = None) -> None:
        self._shape = StackShape(free_ports())
        self._stack = NativeStack(run, self._shape)
        if only is not None:
            self._stack.components = tuple(one for one in self._stack.components if one.name in only)
        self.names: Sequence[str] = [component.name for component in self._stack.components]
        given = self._shape.addresses()
        wanted = {"METRLA_ARCHIVE_URL": "namenode", "METRLA_STORE_URL": "hbase"}
        self.settings = {name: given[name] for name, server in wanted.items() if server in self.names}

    @property
    def broker_port(self) -> int:
        """See `Servers.broker_port`."""
        return self._shape.ports.kafka

    async def start(self, supervisor: Supervisor, plan: PipelinePlan) -> None:  # noqa: ARG002 - the protocol's
        """See `Servers.start`."""
        self._stack.run.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(self._stack.initialise)
        for component in self._stack.components:
            await asyncio.to_thread(self._stack.start, component)
            await asyncio.to_thread(self._stack.wait_ready, component)

    async def strike(self, fault: Fault) -> None:
        """See `Servers.strike`."""
        component = self._stack.component(fault.target)
        end = self._stack.kill if fault.strike is Strike.KILL else self._stack.stop
        await asyncio.to_thread(end, component)
        await asyncio.sleep(fault.away_s)
        await asyncio.to_thread(self._stack.start, component)
        await asyncio.to_thread(self._stack.wait_ready, component)

    async def stop(self) -> None:
        """See `Servers.stop`."""
        await asyncio.to_thread(self._stack.down, lambda _: None)
