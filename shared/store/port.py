"""The `Store` port: the queryable history of aggregates, predictions, alerts, and of how good models were."""

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
from shared.store.model_records import ModelScore, ServedModel


class Store(Protocol):
    """Idempotent upserts by key, range reads by time. Calls block; services run them off the event loop.

    Keys: an aggregate by (network, sensor, window_start), a prediction by (network, sensor, model, timestamp), an alert
    by alert_id, a model's score by (network, model, version, timestamp), a served model by (network, model, version).
    A put whose `revision` is lower than the stored one changes nothing; equal or higher replaces. What `revision` is to
    the others, `since` is to a served model.
    Every method raises `StoreError` when the store cannot do what was asked.
    """

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_model_scores(self, scores: Sequence[ModelScore]) -> None:
        """Upsert all of them, or raise and be called again with the same ones."""

    def put_served_models(self, models: Sequence[ServedModel]) -> None:
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

    def model_scores(
        self,
        network_id: NetworkId | None = None,
        model_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ModelScore]:
        """Scores whose timestamp lies in [start, end), newest first, ties by model_name, model_version."""

    def served_models(self, network_id: NetworkId | None = None) -> Iterator[ServedModel]:
        """Every version that serves, served or was refused, by network_id, model_name, model_version."""

    def ping(self) -> None:
        """Return when the store answers and takes rows, as far as it can say that, else raise `StoreError`.

        What is asked to write something writes nothing that any read returns.
        """

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
        """The tables of all kinds of records, and what stands beside them."""
