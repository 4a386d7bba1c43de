"""What a pipeline on this machine consists of: which processes, with which environment, on which ports."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metrla.local.launcher.process import ProcessPlan
from shared.events.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
DEMO_WRITE_TOKEN = "demo"  # noqa: S105 - no secret: the demo listens on this machine alone


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(port: int) -> None:
    """Raise `ConfigurationError` where something listens on `port` already."""
    with socket.socket() as probe:
        # As servers do: a port that an earlier one left in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as taken:
            raise ConfigurationError(f"port {port} of {LOOPBACK} is taken; choose another with --port") from taken


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """One pipeline: its state folder, its networks and its ports.

    Everything that the pipeline writes lies below `state`: archive, store, logs; unless `settings` name other servers.
    """

    state: Path
    networks: Sequence[Path]
    broker_port: int
    gateway_port: int
    broker_retention_bytes: int
    settings: Mapping[str, str]

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka clients find the broker: the settings' own, else the embedded one."""
        return self.settings.get("METRLA_KAFKA_BOOTSTRAP_SERVERS") or f"{LOOPBACK}:{self.broker_port}"

    @property
    def gateway_url(self) -> str:
        """Where browsers find the page."""
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def archive_url(self) -> str:
        """The archive that every process of the pipeline uses: the settings' own, else a folder below `state`."""
        return self.settings.get("METRLA_ARCHIVE_URL") or (self.state / "archive").as_uri()

    @property
    def store_url(self) -> str:
        """The store that every process of the pipeline uses: the settings' own, else a file below `state`."""
        return self.settings.get("METRLA_STORE_URL") or f"sqlite:///{self.state / 'store.sqlite'}"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process: the caller's, without its METRLA_ settings, and ours."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("METRLA_")}
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            # One thread a process: several processes with a pool of threads each only fight for the cores.
            "OMP_NUM_THREADS": "1",
            "METRLA_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "METRLA_ARCHIVE_URL": self.archive_url,
            "METRLA_STORE_URL": self.store_url,
            "METRLA_NETWORKS": ",".join(str(folder) for folder in self.networks),
            "METRLA_STOP_WITH_PARENT": "true",
            **self.settings,
            **more,
        }

    def broker(self) -> ProcessPlan:
        """The embedded broker."""
        ready_file = self.state / "broker.port"
        return ProcessPlan(
            name="broker",
            command=[
                *(sys.executable, "-m", "metrla.local.devbroker", "--port", str(self.broker_port)),
                *("--port-file", str(ready_file), "--retention-bytes", str(self.broker_retention_bytes)),
            ],
            environment=self.environment(),
            log_file=self.log_file("broker"),
            ready_file=ready_file,
            # It holds the log in memory: a second one would be an empty one.
            restart=False,
        )

    def service(self, name: str) -> ProcessPlan:
        """One of ingest, predictor and alert-detector."""
        port = free_port()
        return ProcessPlan(
            name=name,
            command=[sys.executable, "-m", "metrla", "run", name],
            environment=self.environment(METRLA_METRICS_PORT=str(port)),
            log_file=self.log_file(name),
            ready_url=f"http://{LOOPBACK}:{port}/ready",
            live_url=f"http://{LOOPBACK}:{port}/live",
            metrics_url=f"http://{LOOPBACK}:{port}/metrics",
        )

    def gateway(self) -> ProcessPlan:
        """The gateway, which has its probes on its own port."""
        return ProcessPlan(
            name="gateway",
            command=[sys.executable, "-m", "metrla", "run", "gateway"],
            environment=self.environment(METRLA_GATEWAY_PORT=str(self.gateway_port), **self._write_token()),
            log_file=self.log_file("gateway"),
            ready_url=f"{self.gateway_url}/ready",
            live_url=f"{self.gateway_url}/live",
            metrics_url=f"{self.gateway_url}/metrics",
        )

    def _write_token(self) -> dict[str, str]:
        """The settings' own; else, as long as only this machine can ask, one that everybody knows; else none."""
        if self.settings.get("METRLA_GATEWAY_WRITE_TOKEN"):
            return {}
        host = self.settings.get("METRLA_GATEWAY_HOST") or LOOPBACK
        return {"METRLA_GATEWAY_WRITE_TOKEN": DEMO_WRITE_TOKEN} if host in {LOOPBACK, "localhost", "::1"} else {}

    def feed(self, arguments: Sequence[str]) -> ProcessPlan:
        """`metrla feed …`; it ends when its input does."""
        return ProcessPlan(
            name="feed",
            command=[sys.executable, "-m", "metrla", "feed", *arguments],
            environment=self.environment(),
            log_file=self.log_file("feed"),
            restart=False,
        )

    def log_file(self, name: str) -> Path:
        """Where a process writes its log."""
        return self.state / "logs" / f"{name}.log"
