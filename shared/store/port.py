"""The `Store` port: the queryable history of aggregates, predictions and alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)


class Store(Protocol):
    """Idempotent upserts by key, range reads by time. Calls block; services run them off the event loop.

    Keys: an aggregate by (network, sensor, window_start), a prediction by (network, sensor, model, timestamp), an alert
    by alert_id. A put whose `revision` is lower than the stored one changes nothing; equal or higher replaces.
    Every method raises `StoreError` when the store cannot do what was asked.
    """

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def aggregates(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ProcessedTrafficAggregate]:
        """Aggregates whose window_start lies in [start, end), newest first, ties by sensor_id; `limit` at most."""

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
        """Predictions whose timestamp lies in [start, end), newest first, ties by sensor_id, model_name.

        `serving` keeps those that were the network's answer for their sensor, or those that were not.
        """

    def alerts(
        self,
        network_id: NetworkId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TrafficAlert]:
        """Alerts raised in [start, end), newest first, ties by alert_id."""

    def ping(self) -> None:
        """Return when the store answers, else raise `StoreError`."""

    def close(self) -> None:
        """Release connections; the store is not used afterwards."""


@dataclass(frozen=True, slots=True)
class TableDescription:
    """One table of a store for its operator: `parts` are regions or partitions, `settings` what was chosen for it."""

    name: str
    parts: int
    settings: str


class OpenedStore(Store, Protocol):
    """A store with what its operator asks about it."""

    def tables(self) -> Sequence[TableDescription]:
        """The tables of aggregates, predictions and alerts, and what stands beside them."""
