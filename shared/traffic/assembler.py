"""Windows of many networks in, the steps that are due out: what predictor and alert-detector both begin with. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from structlog.stdlib import BoundLogger

from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficPrediction
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps, Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

MOST_STRANGERS_NAMED = 100


@dataclass
class Strangers:
    """Sensors and networks whose records are passed over: each is named once in the log, up to a limit.

    Attributes:
        records: what is passed over, as the log says it.
        most: how many are named.
    """

    records: str = "windows that fit no network"
    most: int = MOST_STRANGERS_NAMED
    _named: set[tuple[str, str]] = field(default_factory=set)

    def meet(self, record: ProcessedTrafficAggregate | TrafficPrediction, *, network_known: bool) -> None:
        """Name the sensor of a record that is passed over, or its network, if it was not named before."""
        stranger = record.network_id, record.sensor_id if network_known else "*"
        if stranger in self._named or len(self._named) >= self.most:
            return
        self._named.add(stranger)
        passed_over, enough = f"passing over {self.records}", f"naming no more {self.records}"
        log.warning(passed_over, network=record.network_id, sensor=record.sensor_id)
        if len(self._named) == self.most:
            log.warning(enough, named=self.most)

    def __len__(self) -> int:
        return len(self._named)


@dataclass
class StepAssembler:
    """Puts the windows of every network that comes by together to steps.

    Windows of unknown sensors, or of another length than the network's, are passed over.

    Args:
        networks: those that are configured.
        make: the steps of one network, with how far they look back and how patient they are.
        strangers: shared by all assemblers of a process.
    """

    networks: Mapping[NetworkId, Network]
    make: Callable[[Network], NetworkSteps]
    strangers: Strangers = field(default_factory=Strangers)
    _steps: dict[NetworkId, NetworkSteps] = field(default_factory=dict)

    def takes(self, record: ProcessedTrafficAggregate) -> bool:
        """Whether a window is one of a configured network: a known sensor and the network's own window length."""
        network = self.networks.get(record.network_id)
        if (
            network is not None
            and record.sensor_id in network.index
            and record.window_end - record.window_start == network.window
        ):
            return True
        self.strangers.meet(record, network_known=network is not None)
        return False

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """Whether each network that is in `records` at all is there for longer than its steps look back."""
        spans: dict[NetworkId, tuple[datetime, datetime]] = {}
        for record in records:
            first, last = spans.get(record.network_id, (record.window_start, record.window_start))
            spans[record.network_id] = min(first, record.window_start), max(last, record.window_start)
        return all(
            last - first > self.of(network_id).ring.span
            for network_id, (first, last) in spans.items()
            if network_id in self.networks
        )

    def rebuild(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> Iterator[NetworkId]:
        """Take in windows that were worked on before a restart; yields the networks that have any, rebuilt."""
        windows: dict[NetworkId, list[ProcessedTrafficAggregate]] = {}
        for record in records:
            if self.takes(record):
                windows.setdefault(record.network_id, []).append(record)
        for network_id, seen in windows.items():
            self.of(network_id).rebuild(seen, now)
            yield network_id

    def of(self, network_id: NetworkId) -> NetworkSteps:
        """The steps of a network; `KeyError` where it is not configured."""
        if network_id not in self._steps:
            self._steps[network_id] = self.make(self.networks[network_id])
        return self._steps[network_id]

    def add(self, record: ProcessedTrafficAggregate, now: float) -> list[Step]:
        """The steps that are due by one window that `takes` accepts."""
        return self.of(record.network_id).add(record, now)

    @property
    def present(self) -> Mapping[NetworkId, NetworkSteps]:
        """The steps of the networks of which anything came."""
        return self._steps

    def tick(self, now: float) -> list[Step]:
        """The steps of all networks that have settled."""
        return [step for steps in self._steps.values() for step in steps.tick(now)]
