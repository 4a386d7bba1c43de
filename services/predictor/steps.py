"""Windows of a partition in, network steps to be forecast out. Decides and does no I/O."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from services.predictor.silence import MOST_SILENT, SilenceClock
from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.runtime.clock import Clock, wall_clock
from shared.traffic.assembler import StepAssembler, Strangers
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps, Step


class StepProcessing:
    """What the predictor does with a partition of windows while it is ours.

    Steps that waited in memory when a process died are due again after the rebuild, so none is lost; those that had got
    out already are forecast twice.

    Args:
        networks: those that are configured.
        settle_seconds: wall time without a further window after which an incomplete step is due.
        correctable: windows behind the newest that a late one may still correct.
        strangers: what was named in the log, shared by all partitions of a process.
        clock: wall time, to tell which feeds are live.
    """

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        settle_seconds: float,
        correctable: int,
        strangers: Strangers | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        def steps_of(network: Network) -> NetworkSteps:
            return NetworkSteps(
                network,
                history=LAGS,
                correctable=correctable,
                settle_seconds=settle_seconds,
                expected_within=LAGS,
                # What is waiting to be scored when a process dies can then be forecast again.
                context=HORIZONS,
            )

        self._clock = clock
        self._silences = {network_id: SilenceClock(network.window) for network_id, network in networks.items()}
        self._assembler = StepAssembler(networks, steps_of, Strangers() if strangers is None else strangers)

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """See `Processing.enough`."""
        return self._assembler.enough(records)

    def rebuild(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """Set the state from the windows before the committed offset."""
        for _ in self._assembler.rebuild(records, now):
            pass

    def handle(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[Step]:
        """Take windows in; returns the steps that are due by them, silent ones among them."""
        return [step for one in records if self._assembler.takes(one) for step in self._taken(one, now)]

    def tick(self, now: float) -> Sequence[Step]:
        """The steps that have settled, and those of which nothing came."""
        return [*self._assembler.tick(now), *self._silent(self._clock())]

    def close(self) -> None:
        """Nothing is shared."""

    def _taken(self, record: ProcessedTrafficAggregate, now: float) -> list[Step]:
        silence = self._silences[record.network_id]
        # The silence of a live feed was heard while it lasted; where the process was away, its forecasts are of no use.
        self._assembler.of(record.network_id).most_silent = 0 if silence.live else MOST_SILENT
        silence.arrived(record.window_end, self._clock())
        return self._assembler.add(record, now)

    def _silent(self, wall: datetime) -> Iterator[Step]:
        for network_id, steps in self._assembler.present.items():
            if (passed := self._silences[network_id].passed(wall)) is not None:
                first, last = passed
                yield from (one for one in steps.silent_until(steps.ring.number(last)) if one.window_start >= first)
