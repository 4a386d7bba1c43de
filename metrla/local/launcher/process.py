"""One child process: how to start it, how to know that it is ready, how to stop it."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

import httpx
import psutil

from shared.events.errors import MetrlaError

POLL_S = 0.1
LIVE_ANSWER_S = 5.0
LOG_TAIL_LINES = 12


class LaunchError(MetrlaError):
    """A process did not start, or stopped when it should not have."""


def _no_tls() -> SSLContext:
    """For clients on this machine, who need no certificates: to read those takes longer than the question itself."""
    return SSLContext(PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What to run: `ready_url` answers 200 once it is ready; `ready_file` exists then; neither: ready at once.

    `live_url` answers as long as the process is not hung; without one, nobody can tell.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    ready_url: str | None = None
    ready_file: Path | None = None
    live_url: str | None = None
    metrics_url: str | None = None
    restart: bool = True


@dataclass(slots=True)
class ChildProcess:
    """A running plan. It has a process session of its own, so that Ctrl-C reaches the launcher alone."""

    plan: ProcessPlan
    restarts: int = 0
    peak_rss_bytes: int = 0
    _process: Process | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """The exit status, once it ended; negative: the signal that ended it."""
        return self._process.returncode if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def suspended(self) -> bool:
        """Whether somebody has stopped it (SIGSTOP): it is there, and does nothing."""
        try:
            return self.running and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    async def start(self) -> None:
        """Start it; what it writes goes to the plan's log file, appended."""
        self.plan.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.plan.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.plan.command,
                env=dict(self.plan.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def wait_ready(self, timeout_s: float) -> None:
        """Return once it is ready; raises `LaunchError` with the end of its log when it ends or takes too long."""
        try:
            async with asyncio.timeout(timeout_s), httpx.AsyncClient(timeout=2, verify=_no_tls()) as client:
                while not await self._is_ready(client):
                    if not self.running:
                        raise LaunchError(f"{self.plan.name} ended with status {self.returncode}:\n{self.log_tail()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as late:
            raise LaunchError(f"{self.plan.name} was not ready after {timeout_s:.0f} s:\n{self.log_tail()}") from late

    async def wait(self) -> int:
        """Wait for its end; returns the exit status."""
        assert self._process is not None, "wait() comes after start()"  # noqa: S101 - a programming error
        return await self._process.wait()

    async def is_live(self) -> bool:
        """Whether it answers at `live_url` within `LIVE_ANSWER_S`; a plan without one always does."""
        if self.plan.live_url is None:
            return True
        try:
            async with (
                asyncio.timeout(LIVE_ANSWER_S),
                httpx.AsyncClient(timeout=LIVE_ANSWER_S, verify=_no_tls()) as client,
            ):
                return (await client.get(self.plan.live_url)).is_success
        except (httpx.TransportError, TimeoutError):
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, where it runs."""
        if self._process is not None and self.running:
            self._process.send_signal(number)

    async def stop(self, grace_s: float) -> bool:
        """Ask it to stop (SIGTERM), wait `grace_s`, then kill it; returns whether it stopped by itself."""
        if self._process is None or not self.running:
            return True
        self._process.send_signal(signal.SIGTERM)
        # One that was stopped (SIGSTOP) has to go on to end.
        self._process.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return False
        return True

    def rss_bytes(self) -> int:
        """Resident memory now, 0 when it does not run; remembers the peak."""
        try:
            now = int(psutil.Process(self.pid).memory_info().rss) if self.running else 0
        except psutil.NoSuchProcess:
            now = 0
        self.peak_rss_bytes = max(self.peak_rss_bytes, now)
        return now

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.plan.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        if self.plan.ready_file is not None:
            return self.plan.ready_file.exists()
        if self.plan.ready_url is None:
            return True
        try:
            return (await client.get(self.plan.ready_url)).is_success
        except httpx.TransportError:
            return False
