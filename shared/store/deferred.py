"""A store that may be away when a service starts: opened at the first use that finds it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Lock

import structlog

from shared.events.errors import StoreError
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.model_records import ModelScore, ServedModel
from shared.store.port import Store
from shared.store.url import open_store

log = structlog.stdlib.get_logger(__name__)

Open = Callable[[], Store]


def open_deferred(url: str) -> "DeferredStore":
    """The store that `url` names, opened now where it answers; raises `ConfigurationError` as `open_store` does."""
    store = DeferredStore(lambda: open_store(url))
    try:
        store.ping()
    except StoreError as away:
        log.warning("store does not answer, every use of it tries again", error=str(away))
    return store


class DeferredStore:
    """A `Store` whose every use first opens it where that has not succeeded yet; one thread at a time tries."""

    def __init__(self, open_now: Open) -> None:
        self._open = open_now
        self._opening = Lock()
        self._store: Store | None = None

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """See `Store.put_aggregates`."""
        self._opened().put_aggregates(aggregates)

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """See `Store.put_predictions`."""
        self._opened().put_predictions(predictions)

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """See `Store.put_alerts`."""
        self._opened().put_alerts(alerts)

    def put_model_scores(self, scores: Sequence[ModelScore]) -> None:
        """See `Store.put_model_scores`."""
        self._opened().put_model_scores(scores)

    def put_served_models(self, models: Sequence[ServedModel]) -> None:
        """See `Store.put_served_models`."""
        self._opened().put_served_models(models)

    def aggregates(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ProcessedTrafficAggregate]:
        """See `Store.aggregates`."""
        return self._opened().aggregates(network_id, sensor_id, start, end, limit)

    def predictions(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        model_name: str | None = None,
        limit: int | None = None,
        *,
        serving: bool | None = None,
    ) -> Iterator[TrafficPrediction]:
        """See `Store.predictions`."""
        return self._opened().predictions(network_id, sensor_id, start, end, model_name, limit, serving=serving)

    def alerts(
        self,
        network_id: NetworkId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TrafficAlert]:
        """See `Store.alerts`."""
        return self._opened().alerts(network_id, start, end, limit)

    def model_scores(
        self,
        network_id: NetworkId | None = None,
        model_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ModelScore]:
        """See `Store.model_scores`."""
        return self._opened().model_scores(network_id, model_name, start, end, limit)

    def served_models(self, network_id: NetworkId | None = None) -> Iterator[ServedModel]:
        """See `Store.served_models`."""
        return self._opened().served_models(network_id)

    def ping(self) -> None:
        """See `Store.ping`."""
        self._opened().ping()

    def close(self) -> None:
        """See `Store.close`; a store that was never opened has nothing to release."""
        with suppress(StoreError):
            if self._store is not None:
                self._store.close()

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                self._store = self._open()
            return self._store
