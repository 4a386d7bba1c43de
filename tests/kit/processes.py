"""Services as processes of their own: the environment that they read, how they end, and what they said."""

import asyncio
import inspect
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import httpx
from aiokafka import TopicPartition

from metrla.local.devbroker import DevBroker
from shared.events.topics import Topic
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import LogRecord, open_reader, read_range
from tests.kit.until import DEADLINE_S, until

PREFIX = "METRLA_"
STOP_S = 30.0
POLL_S = 0.05
LAST_LINES = 25
LISTENING = re.compile(r'port"?[=:] ?(\d+)')


def bare_environment() -> dict[str, str]:
    """The environment of this process without what somebody has set for metrla."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def environment(bootstrap_servers: str, folder: Path, *networks: Path, **settings: str) -> dict[str, str]:
    """The environment of a process that works on this broker, with its archive and store in `folder`.

    `networks` are folders; none: the example network. `settings` are variables by their whole names, which win.
    """
    return {
        **bare_environment(),
        "METRLA_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "METRLA_ARCHIVE_URL": archive_url(folder),
        "METRLA_STORE_URL": store_url(folder),
        "METRLA_NETWORKS": ",".join(map(str, networks)),
        **settings,
    }


def archive_url(folder: Path) -> str:
    """Where the archive of a test is."""
    return (folder / "archive").as_uri()


def store_url(folder: Path) -> str:
    """Where the store of a test is."""
    return f"sqlite:///{folder / 'store.sqlite'}"


class ServiceProcess:
    """A service that runs as `python -m services.<service>.app`; all that it writes goes to the file `output`."""

    def __init__(self, service: str, process: Process, output: Path) -> None:
        self.service = service
        self.process = process
        self.output = output
        self.ended = False  # by the test

    @classmethod
    async def start(cls, service: str, environment: Mapping[str, str], output: Path) -> Self:
        """Start it; it is not ready yet."""
        with _open(output) as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"services.{service}.app"), env=environment, stdout=file, stderr=STDOUT
            )
        return cls(service, process, output)

    @property
    def said(self) -> str:
        """All that it has written until now."""
        return self.output.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Where its probes are, and the gateway's routes."""
        lines = (line for line in self.said.splitlines() if "listening" in line)
        found = next(filter(None, map(LISTENING.search, lines)), None)
        assert found is not None, f"it does not listen yet: {self.told()}"
        return f"http://127.0.0.1:{found[1]}"

    def check(self) -> None:
        """Fail with its last words where it has ended by itself."""
        assert self.ended or self.process.returncode is None, self.told()

    def told(self) -> str:
        """Its state and its last words, for whoever reads of a failure."""
        code = self.process.returncode
        state = "runs" if code is None else f"ended with {code}"
        return "\n".join([f"{self.service} {state}; its last words:", *self.said.splitlines()[-LAST_LINES:]])

    async def until_ready(self, probe: str = "/ready", seconds: float = DEADLINE_S) -> str:
        """Wait until its probe answers that all is well; returns its URL."""

        async def ready() -> bool:
            self.check()
            if "listening" not in self.said:
                return False
            try:
                return (await client.get(f"{self.url}{probe}")).is_success
            except httpx.TransportError:
                return False  # the gateway says its port before it accepts

        async with httpx.AsyncClient() as client:
            await until(ready, lambda: f"{probe} is well: {self.told()}", seconds, POLL_S)
        return self.url

    async def kill(self) -> None:
        """End it as a fault would."""
        self.ended = True
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL, self.told()

    async def stop(self) -> None:
        """Ask it to stop; it must do so in time and cleanly."""
        self.ended = True
        self.process.terminate()
        assert await asyncio.wait_for(self.process.wait(), STOP_S) == 0, self.told()


def _open(path: Path) -> BinaryIO:
    return path.open("ab")


@dataclass
class Services:
    """The services under test on one broker, with their archive and store in one folder.

    Whatever of them still runs on leaving is killed.
    """

    broker: DevBroker
    folder: Path
    networks: Sequence[Path] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: list[ServiceProcess] = field(default_factory=list)

    @property
    def bootstrap_servers(self) -> str:
        return self.broker.bootstrap_servers

    @property
    def archive_url(self) -> str:
        return self.environment()["METRLA_ARCHIVE_URL"]

    @property
    def store_url(self) -> str:
        return self.environment()["METRLA_STORE_URL"]

    @property
    def log(self) -> str:
        """What all of them said, the first started first."""
        return "".join(process.said for process in self.processes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes:
            if process.process.returncode is None:
                await process.kill()

    def environment(self, **settings: str) -> dict[str, str]:
        """What a process of theirs reads; `settings` win over those of all."""
        return environment(self.bootstrap_servers, self.folder, *self.networks, **{**self.settings, **settings})

    async def start(self, service: str, **settings: str) -> ServiceProcess:
        """Start one more; it is not ready yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / f"{service}-{len(self.processes)}.log"
        process = await ServiceProcess.start(service, self.environment(**settings), output)
        self.processes.append(process)
        return process

    def running(self, service: str) -> ServiceProcess:
        """The one of a service that was started last."""
        return next(process for process in reversed(self.processes) if process.service == service)

    async def until(
        self,
        condition: Callable[[], bool | Awaitable[bool]],
        what: str | Callable[[], str],
        seconds: float = DEADLINE_S,
        every: float = POLL_S,
    ) -> None:
        """Wait as `until` does, but not for a process that has ended by itself; say what they said."""

        async def holds() -> bool:
            for process in self.processes:
                process.check()
            answer = condition()
            return await answer if inspect.isawaitable(answer) else answer

        def told() -> str:
            last_words = [process.told() for process in self.processes if not process.ended]
            return "\n".join([what if isinstance(what, str) else what(), *last_words])

        await until(holds, told, seconds, every)

    async def metrla(self, *arguments: str) -> tuple[int | None, str]:
        """Run a command to its end, in the environment of the services: its exit code and all that it wrote."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "metrla", *arguments), env=self.environment(), stdout=PIPE, stderr=STDOUT
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    async def produce(self, messages: Sequence[Message]) -> None:
        """Write to the log, in this order."""
        async with open_producer(self.bootstrap_servers, "test-feed") as producer:
            await send_all(producer, messages)

    async def read(self, topic: Topic) -> list[LogRecord]:
        """All that is on a topic now, partition by partition."""
        records: list[LogRecord] = []
        async with open_reader(self.bootstrap_servers, "test-reader") as reader:
            for number in range(topic.partitions):
                partition = TopicPartition(topic.name, number)
                end = (await reader.end_offsets([partition]))[partition]
                records += await read_range(reader, partition, 0, end)
        return records
