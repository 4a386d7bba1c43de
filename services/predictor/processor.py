"""Windows in, network steps to be forecast out: what the worker drives. Decides and does no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from structlog.stdlib import BoundLogger

from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps, Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

MOST_STRANGERS_NAMED = 100


@dataclass
class StepProcessor:
    """Puts the windows of every network together to steps.

    Windows of unknown sensors, or of another length than the network's, are passed over. Steps that waited in memory
    when a process died are due again after the rebuild, so none is lost; those that had got out already are
    forecast twice.
    """

    networks: Mapping[NetworkId, Network]
    settle_seconds: float
    correctable: int
    _steps: dict[int, dict[NetworkId, NetworkSteps]] = field(default_factory=dict)
    _strangers: set[str] = field(default_factory=set)

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """Whether each network that is in `records` at all is there for as long as its steps look back."""
        spans: dict[NetworkId, tuple[datetime, datetime]] = {}
        for record in records:
            first, last = spans.get(record.network_id, (record.window_start, record.window_start))
            spans[record.network_id] = min(first, record.window_start), max(last, record.window_start)
        return all(
            last - first >= self._new(self.networks[network_id]).ring.span
            for network_id, (first, last) in spans.items()
            if network_id in self.networks
        )

    def rebuild(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """Set the state of a partition from the windows before the committed offset."""
        self._steps[partition] = {}
        windows: dict[NetworkId, list[ProcessedTrafficAggregate]] = {}
        for record in records:
            if self._known(record):
                windows.setdefault(record.network_id, []).append(record)
        for network_id, seen in windows.items():
            self._of(partition, network_id).rebuild(seen, now)

    def forget(self, partition: int) -> None:
        """Drop the state of a partition that is no longer ours."""
        self._steps.pop(partition, None)

    def handle(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[Step]:
        """Take windows in; returns the steps that are due by them."""
        due: list[Step] = []
        for record in records:
            if self._known(record):
                due += self._of(partition, record.network_id).add(record, now)
        return due

    def tick(self, now: float) -> Sequence[Step]:
        """The steps that have settled."""
        return [step for held in self._steps.values() for steps in held.values() for step in steps.tick(now)]

    def _of(self, partition: int, network_id: NetworkId) -> NetworkSteps:
        held = self._steps.setdefault(partition, {})
        if network_id not in held:
            held[network_id] = self._new(self.networks[network_id])
        return held[network_id]

    def _new(self, network: Network) -> NetworkSteps:
        return NetworkSteps(
            network,
            history=LAGS,
            correctable=self.correctable,
            settle_seconds=self.settle_seconds,
            expected_within=LAGS,
            # What is waiting to be scored when a process dies can then be forecast again.
            context=HORIZONS,
        )

    def _known(self, record: ProcessedTrafficAggregate) -> bool:
        network = self.networks.get(record.network_id)
        if (
            network is not None
            and record.sensor_id in network.index
            and record.window_end - record.window_start == network.window
        ):
            return True
        stranger = f"{record.network_id}/{'*' if network is None else record.sensor_id}"
        if stranger not in self._strangers and len(self._strangers) < MOST_STRANGERS_NAMED:
            self._strangers.add(stranger)
            log.warning("passing over windows that fit no network", network=record.network_id, sensor=record.sensor_id)
        return False
