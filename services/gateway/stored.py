"""Forecasts as the store has them, in the form in which the API shows them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import TypeVar

from services.gateway.views.known import require_prediction, require_window
from shared.events.errors import RejectedEventError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.store.outcomes import Outcome, with_outcomes
from shared.store.port import Store

Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The forecasts of one sensor made in [`start`, `end`) by one model, or, without one, those that were served."""

    network_id: NetworkId
    sensor_id: SensorId
    start: datetime | None
    end: datetime | None
    model_name: str | None


def made_with_outcomes(store: Store, stretch: Stretch, limit: int) -> list[Outcome]:
    """At most `limit` of them, one an origin, newest first, each with what came true; raises `StoreError`."""
    found = store.predictions(
        stretch.network_id,
        stretch.sensor_id,
        stretch.start,
        stretch.end,
        stretch.model_name,
        serving=True if stretch.model_name is None else None,
    )
    made = islice(_one_an_origin(_within_bounds(found, require_prediction)), limit)

    def windows_before(end: datetime) -> Iterator[ProcessedTrafficAggregate]:
        windows = store.aggregates(stretch.network_id, stretch.sensor_id, stretch.start, end)
        return _within_bounds(windows, require_window)

    return list(with_outcomes(made, windows_before))


def _one_an_origin(found: Iterator[TrafficPrediction]) -> Iterator[TrafficPrediction]:
    """Of what was served before and after a promotion the later."""
    for _, made in groupby(found, key=lambda one: one.timestamp):
        yield max(made, key=lambda one: one.revision)


def _within_bounds(records: Iterator[Stored], require: Callable[[Stored], None]) -> Iterator[Stored]:
    """Without what the view would refuse too."""
    for record in records:
        with suppress(RejectedEventError):
            require(record)
            yield record
