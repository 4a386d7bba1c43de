"""Predictions beside what then happened, both read from a store newest first. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficPrediction

LONGEST_HORIZON = timedelta(hours=2)
"""Outcomes of horizons beyond this are not looked for."""

SpeedBySensor: TypeAlias = dict[tuple[NetworkId, SensorId], float | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A prediction and, for each of its horizons, the mean speed that came true in mph; `None` while unknown."""

    prediction: TrafficPrediction
    actual_speeds_mph: tuple[float | None, ...]


def with_outcomes(
    predictions: Iterator[TrafficPrediction],
    aggregates_before: Callable[[datetime], Iterator[ProcessedTrafficAggregate]],
) -> Iterator[Outcome]:
    """Each prediction with its outcomes, in the order of `predictions`.

    Args:
        predictions: newest origin first, as `Store.predictions` gives them.
        aggregates_before: the windows that start before a time, newest first, as `Store.aggregates` gives them with the
            same network and sensor. It is read once, and no further than needed; at most `LONGEST_HORIZON` of it is in
            memory at a time.
    """
    windows: Iterator[ProcessedTrafficAggregate] | None = None
    ahead: ProcessedTrafficAggregate | None = None
    by_end: dict[datetime, SpeedBySensor] = defaultdict(dict)
    for prediction in predictions:
        origin = prediction.timestamp
        if windows is None:
            windows = aggregates_before(origin + LONGEST_HORIZON)
            ahead = next(windows, None)
        while ahead is not None and ahead.window_start >= origin:
            by_end[ahead.window_end][ahead.network_id, ahead.sensor_id] = ahead.mean_speed_mph
            ahead = next(windows, None)
        while by_end and (latest := next(iter(by_end))) > origin + LONGEST_HORIZON:
            del by_end[latest]
        key = prediction.network_id, prediction.sensor_id
        yield Outcome(
            prediction,
            tuple(
                by_end[target].get(key) if (target := each.target_timestamp) in by_end else None
                for each in prediction.horizons
            ),
        )
