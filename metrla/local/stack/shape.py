"""The shape of a stack, which its run folder remembers: the ports, and whether HBase lies on HDFS."""

import json
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from metrla.local.stack.components import LOOPBACK, Ports
from shared.events.errors import ConfigurationError

DEFAULT_RUN = Path(".metrla/stack")
FILE = "stack.json"
ADDRESSES = "addresses.env"
# Below the ports that systems hand out by themselves, so that none is taken before a server listens on it.
FREE_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class StackShape:
    """What a stack was made with; it stays so as long as its data."""

    ports: Ports = field(default_factory=Ports)
    hbase_on_hdfs: bool = False

    def addresses(self) -> dict[str, str]:
        """The settings with which the services use this stack."""
        return {
            "METRLA_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{self.ports.kafka}",
            "METRLA_ARCHIVE_URL": f"webhdfs://{LOOPBACK}:{self.ports.namenode_http}/",
            "METRLA_STORE_URL": f"hbase://{LOOPBACK}:{self.ports.hbase_thrift}",
        }


def read_shape(run: Path) -> StackShape:
    """The shape of the stack in `run`; the default where there is none yet.

    Raises:
        ConfigurationError: the folder's own file about it is damaged.
    """
    file = run / FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return StackShape(Ports(**told["ports"]), bool(told["hbase_on_hdfs"]))
    except FileNotFoundError:
        return StackShape()
    except (ValueError, KeyError, TypeError, RecursionError) as damaged:
        raise ConfigurationError(f"{file}: not the file that `metrla stack up` wrote; remove {run}") from damaged


def write_shape(run: Path, shape: StackShape) -> None:
    """Remember the shape, and write its addresses as a file that a shell can source."""
    run.mkdir(parents=True, exist_ok=True)
    (run / FILE).write_text(json.dumps(asdict(shape), indent=2), encoding="utf-8")
    lines = (f"{variable}={value}\n" for variable, value in shape.addresses().items())
    (run / ADDRESSES).write_text("".join(lines), encoding="utf-8")


def free_ports() -> Ports:
    """Ports that nothing listens on at this moment."""
    chance = secrets.SystemRandom()
    candidates = chance.sample(FREE_PORTS, len(FREE_PORTS))
    free = (port for port in candidates if is_free(port))
    return Ports(*(next(free) for _ in Ports.__slots__))


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback now."""
    with socket.socket() as probe:
        # As servers do: a port that an earlier one left in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
