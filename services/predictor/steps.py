"""Windows of a partition in, network steps to be forecast out. Decides and does no I/O."""

from collections.abc import Mapping, Sequence

from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.forecasting.inputs.history import HORIZONS, LAGS
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
    """

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        settle_seconds: float,
        correctable: int,
        strangers: Strangers | None = None,
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

        self._assembler = StepAssembler(networks, steps_of, Strangers() if strangers is None else strangers)

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """See `Processing.enough`."""
        return self._assembler.enough(records)

    def rebuild(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """Set the state from the windows before the committed offset."""
        for _ in self._assembler.rebuild(records, now):
            pass

    def handle(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[Step]:
        """Take windows in; returns the steps that are due by them."""
        return [step for one in records if self._assembler.takes(one) for step in self._assembler.add(one, now)]

    def tick(self, now: float) -> Sequence[Step]:
        """The steps that have settled."""
        return self._assembler.tick(now)

    def close(self) -> None:
        """Nothing is shared."""
