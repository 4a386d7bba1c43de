"""What the store knows of the models, read at most every few seconds however many clients ask."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.gateway.models.versions import ModelVersions, VersionKey, model_versions
from services.gateway.views.predictions import PredictionsView, VersionActivity
from shared.events.errors import StoreError
from shared.events.records import NetworkId
from shared.store.model_records import ModelScore
from shared.store.port import Store
from shared.traffic.network import Network

FRESH_S = 10.0
# Of how many different stretches of time answers are kept.
MAX_KEPT = 8


@dataclass(frozen=True, slots=True)
class _Reading:
    """One look into the store; many may wait for it."""

    task: "asyncio.Task[tuple[ModelVersions, ...]]"
    begun_at: float

    def serves(self, now: float) -> bool:
        """Whether a request now shares this reading: it is still running, or it succeeded and is fresh."""
        if not self.task.done():
            return True
        return not self.task.cancelled() and self.task.exception() is None and now - self.begun_at < FRESH_S


class ModelBook:
    """Reads roles and scores from the store, and which models are running from the view.

    Args:
        store: where the predictor writes roles and scores.
        networks: those that the gateway serves.
        predictions: tells which models forecast.
        timeout_s: time in which the store must answer, seconds.
    """

    def __init__(
        self, store: Store, networks: Mapping[NetworkId, Network], predictions: PredictionsView, timeout_s: float
    ) -> None:
        self._store = store
        self._networks = networks
        self._predictions = predictions
        self._timeout_s = timeout_s
        self._readings: dict[timedelta, _Reading] = {}

    async def models(self, span: timedelta) -> Sequence[ModelVersions]:
        """Every model of every network, scored over the last `span` of event time of its network.

        Raises:
            StoreError: the store does not answer, or not in time. One that hangs holds one thread, however often it is
                asked.
        """
        now = asyncio.get_running_loop().time()
        reading = self._readings.get(span)
        if reading is None or not reading.serves(now):
            reading = _Reading(asyncio.create_task(self._read(span)), now)
            reading.task.add_done_callback(_note)
            self._readings.pop(span, None)
            self._readings[span] = reading
            self._forget()
        done, _ = await asyncio.wait({reading.task}, timeout=self._timeout_s)
        if not done:
            raise StoreError(f"no answer within {self._timeout_s:g} s")
        return reading.task.result()

    def _forget(self) -> None:
        over = [span for span, reading in self._readings.items() if reading.task.done()]
        for span in over[: max(0, len(self._readings) - MAX_KEPT)]:
            del self._readings[span]

    async def _read(self, span: timedelta) -> tuple[ModelVersions, ...]:
        running: Mapping[VersionKey, VersionActivity] = self._predictions.running()
        return await asyncio.to_thread(self._look_up, span, running)

    def _look_up(self, span: timedelta, running: Mapping[VersionKey, VersionActivity]) -> tuple[ModelVersions, ...]:
        served = [one for one in self._store.served_models() if one.network_id in self._networks]
        return model_versions(served, self._scores(span), running)

    def _scores(self, span: timedelta) -> Iterator[ModelScore]:
        for network_id in self._networks:
            newest = next(iter(self._store.model_scores(network_id, limit=1)), None)
            if newest is not None:
                # Of a stretch without its start: as many windows as fit into it.
                after = newest.timestamp - span + timedelta(milliseconds=1)
                yield from self._store.model_scores(network_id, start=after)


def _note(task: "asyncio.Task[tuple[ModelVersions, ...]]") -> None:
    """Retrieve the exception of a reading that nobody awaits any more."""
    if not task.cancelled():
        task.exception()
