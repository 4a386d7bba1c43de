"""Start, watch and stop the servers of the native stack."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from metrla.local.stack import jars
from metrla.local.stack.components import Component, components
from metrla.local.stack.configuration import write_configuration
from metrla.local.stack.readiness import is_ready
from metrla.local.stack.shape import StackShape, is_free
from shared.events.errors import MetrlaError

# Serial collection: these JVMs share few cores, and a small heap gains nothing from collecting in parallel.
_JVM = ("-XX:+UseSerialGC",)
_CLUSTER_ID = "bWV0cmxhLW5hdGl2ZS0wMQ"
POLL_S = 0.1
EXEC_POLL_S = 0.01
READY_TIMEOUT_S = 120.0
STOP_GRACE_S = 20.0
LOG_TAIL_BYTES = 2000
# What the servers write below the run folder.
DATA = ("kafka", "namenode", "datanode", "hdfs-tmp", "hbase", "hbase-tmp", "zk-data", "logs")


class StackError(MetrlaError):
    """A server did not start, or is not what it should be."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """What can be said of one server now."""

    component: Component
    pid: int | None
    ready: bool
    rss_bytes: int
    log_file: Path


class NativeStack:
    """One native stack: its state (data, configuration, logs, process ids) lies in the folder `run`."""

    def __init__(self, run: Path, shape: StackShape) -> None:
        self.run = run.absolute()
        self.shape = shape
        self.components = components(shape.ports, hbase_on_hdfs=shape.hbase_on_hdfs)
        self._conf = self.run / "conf"

    def component(self, name: str) -> Component:
        """The server of that name; raises `StackError` where the stack has none."""
        for component in self.components:
            if component.name == name:
                return component
        raise StackError(f"no server {name!r}; there are {', '.join(component.name for component in self.components)}")

    def initialise(self) -> None:
        """Write the configuration and format what has no data yet; data that are there stay."""
        (self.run / "logs").mkdir(parents=True, exist_ok=True)
        self._conf = write_configuration(self.run, self.shape)
        if not (self.run / "kafka" / "meta.properties").exists():
            self._run_once(
                self.component("kafka"),
                "kafka.tools.StorageTool",
                *("format", "--cluster-id", _CLUSTER_ID, "--config", f"{self._conf}/kafka/server.properties"),
            )
        if not (self.run / "namenode" / "current").exists():
            namenode = self.component("namenode")
            self._run_once(namenode, namenode.main_class, "-format", "-nonInteractive")

    def up(self, announce: Callable[[str], None]) -> None:
        """Start what does not run and return when all of it is ready."""
        self.initialise()

        def bring_up(component: Component) -> None:
            since = time.monotonic()
            self.start(component)
            self.wait_ready(component)
            announce(f"{component.title} ready after {time.monotonic() - since:.1f} s")

        _each_after(self.components, bring_up, lambda component: component.uses)

    def down(self, announce: Callable[[str], None]) -> None:
        """Stop every server, each before those that it uses."""

        def take_down(component: Component) -> None:
            if self.stop(component):
                announce(f"{component.title} stopped")

        _each_after(
            self.components[::-1],
            take_down,
            lambda component: [other.name for other in self.components if component.name in other.uses],
        )

    def wipe(self) -> None:
        """Delete all data of a stack that is down, and its logs; ports and kind stay."""
        for name in DATA:
            shutil.rmtree(self.run / name, ignore_errors=True)

    def start(self, component: Component) -> None:
        """Start one server unless it runs; raises `StackError` where another process has its port."""
        if self.process(component) is not None:
            return
        if component.port is not None and not is_free(component.port):
            raise StackError(f"{component.title}: port {component.port} is taken; a new --run can have --free-ports")
        with self.log_file(component).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - java with our own arguments
                self._command(component, component.main),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.run,
                start_new_session=True,
            )
        self._pid_file(component).write_text(str(process.pid), encoding="ascii")
        # For a moment a new process has no command line, by which it is recognised.
        while process.poll() is None and self.process(component) is None:
            time.sleep(EXEC_POLL_S)

    def stop(self, component: Component) -> bool:
        """Stop one server, by force after a grace; returns whether it ran."""
        process = self.process(component)
        if process is not None and component.stop:
            with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
                self._java(component, component.stop, timeout_s=STOP_GRACE_S)
                process.wait(STOP_GRACE_S)
        return self._end(component, signal.SIGTERM) or process is not None

    def kill(self, component: Component) -> bool:
        """End one server with SIGKILL, as a fault would; returns whether it ran."""
        return self._end(component, signal.SIGKILL)

    def wait_ready(self, component: Component) -> None:
        """Return when the server is ready; raises `StackError` with the end of its log when it ends or is late."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self.ready(component):
            if self.process(component) is None:
                raise StackError(f"{component.title} ended:\n{self._log_tail(component)}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"{component.title} was not ready after {READY_TIMEOUT_S:.0f} s:\n{self._log_tail(component)}"
                )
            time.sleep(POLL_S)

    def ready(self, component: Component) -> bool:
        """Whether the server does its work."""
        return is_ready(component, self._log(component))

    def states(self) -> Iterator[ServerState]:
        """What can be said of each server now."""
        for component in self.components:
            process = self.process(component)
            yield ServerState(
                component=component,
                pid=process.pid if process else None,
                ready=process is not None and self.ready(component),
                rss_bytes=process.memory_info().rss if process else 0,
                log_file=self.log_file(component),
            )

    def process(self, component: Component) -> psutil.Process | None:
        """The server's process, recognised by its main class, so that a recycled id is never mistaken for it."""
        try:
            process = psutil.Process(int(self._pid_file(component).read_text(encoding="ascii")))
            running = process.status() != psutil.STATUS_ZOMBIE and component.main_class in process.cmdline()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return process if running else None

    def log_file(self, component: Component) -> Path:
        """What the server says, since it was last started."""
        return self.run / "logs" / f"{component.name}.log"

    def _command(self, component: Component, main: Sequence[str]) -> list[str]:
        class_path = f"{self._conf / component.library}:{jars.library(component.library)}/*"
        filled = (part.replace("{conf}", str(self._conf)) for part in (*component.jvm, "-cp", class_path, *main))
        return [jars.java(), *_JVM, f"-Xmx{component.heap_mib}m", *filled]

    def _run_once(self, component: Component, *main: str) -> None:
        done = self._java(component, main)
        if done.returncode:
            raise StackError(f"{main[0]} failed:\n{(done.stdout + done.stderr)[-LOG_TAIL_BYTES:]}")

    def _java(
        self, component: Component, main: Sequence[str], timeout_s: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - java with our own arguments
            self._command(component, main),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.run,
            timeout=timeout_s,
        )

    def _end(self, component: Component, signal_number: signal.Signals) -> bool:
        process = self.process(component)
        if process is None:
            return False
        process.send_signal(signal_number)
        try:
            process.wait(STOP_GRACE_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_GRACE_S)
        self._pid_file(component).unlink(missing_ok=True)
        return True

    def _pid_file(self, component: Component) -> Path:
        return self.run / f"{component.name}.pid"

    def _log(self, component: Component) -> str:
        try:
            return self.log_file(component).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _log_tail(self, component: Component) -> str:
        return self._log(component)[-LOG_TAIL_BYTES:]


def _each_after(
    servers: Sequence[Component], act: Callable[[Component], None], earlier: Callable[[Component], Collection[str]]
) -> None:
    """Act on all servers, side by side, but on each only after those that `earlier` names; these precede it."""
    done: dict[str, Future[None]] = {}

    def act_in_turn(server: Component) -> None:
        for name in earlier(server):
            done[name].result()
        act(server)

    with ThreadPoolExecutor(len(servers)) as threads:
        for server in servers:
            done[server.name] = threads.submit(act_in_turn, server)
    for future in done.values():
        future.result()
