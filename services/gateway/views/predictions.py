"""The predictions of the newest forecast origins, and the newest of every sensor and model. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge
from typing import TypeAlias

from services.gateway.views.horizons import is_asked
from services.gateway.views.known import known_sensor, require_prediction
from services.gateway.views.origins import Origins
from services.gateway.views.where import ANYWHERE, Where
from shared.events.records import HorizonForecast, NetworkId, SensorId, TrafficPrediction
from shared.traffic.network import Network, Sensor

PredictionKey: TypeAlias = tuple[NetworkId, SensorId, str | None]
"""Whose newest prediction: a sensor's by one model, or, without a model, by whichever serves."""

MAX_PREDICTIONS = 60_000
ALL_MODELS = "all"
"""Asks for every model's, where a model's name would ask for one."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a forecast stands among all: newest origin first, then by network, sensor, model and horizon."""

    timestamp: datetime
    network_id: NetworkId
    sensor_id: SensorId
    model_name: str
    horizon_minutes: int

    @classmethod
    def of(cls, prediction: TrafficPrediction, horizon: HorizonForecast) -> "Position":
        """Of a forecast."""
        return cls(
            prediction.timestamp,
            prediction.network_id,
            prediction.sensor_id,
            prediction.model_name,
            horizon.horizon_minutes,
        )


@dataclass(frozen=True, slots=True)
class VersionActivity:
    """How many sensors have a newest prediction of a version, and for how many of them it is the network's answer."""

    sensors: int = 0
    serving_sensors: int = 0


@dataclass(frozen=True, slots=True)
class PredictionQuery:
    """What a client asks for; `None` does not restrict, but for the model: without one, what was served is asked for.

    `horizon_minutes=None` means every horizon, 15 the one nearest to it. `only`: one origin of
    each of these networks. Origins are asked for in [`start`, `end`), and what comes behind `after`: new forecasts move
    nothing that is behind.
    """

    limit: int
    network_id: NetworkId | None = None
    where: Where = ANYWHERE
    min_confidence: float | None = None
    horizon_minutes: int | None = None
    model_name: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    only: Mapping[NetworkId, datetime] | None = None
    after: Position | None = None

    def has_origin(self, network_id: NetworkId, time: datetime) -> bool:
        """Whether an origin of a network is asked for."""
        return (
            (self.only is None or self.only.get(network_id) == time)
            and (self.start is None or time >= self.start)
            and (self.end is None or time < self.end)
            and (self.after is None or time <= self.after.timestamp)
        )


class PredictionsView:
    """The predictions of the newest `history / window` origins per network, each in its highest revision.

    At most `max_predictions` of them, shared out among the networks by their sensors; see `Origins` for what goes
    first. The newest origin of a network is kept whatever its size.
    """

    def __init__(
        self, networks: Mapping[NetworkId, Network], history: timedelta, max_predictions: int = MAX_PREDICTIONS
    ) -> None:
        self._networks = networks
        sensors = sum(len(network.sensors) for network in networks.values())
        self._origins = {
            id_: Origins(max(1, history // network.window), max_predictions * len(network.sensors) // sensors)
            for id_, network in networks.items()
        }
        self._newest: dict[PredictionKey, TrafficPrediction] = {}
        self._changed: dict[PredictionKey, TrafficPrediction] = {}
        self._gone: dict[PredictionKey, TrafficPrediction] = {}

    @property
    def newest_origin(self) -> datetime | None:
        """The newest origin of any network; `None` before the first prediction."""
        return max(self.newest_origins().values(), default=None)

    def newest_origins(self) -> dict[NetworkId, datetime]:
        """The newest origin of every network that has one."""
        return {id_: origins.times[-1] for id_, origins in self._origins.items() if origins.times}

    @property
    def model_names(self) -> frozenset[str]:
        """The models that are predicting."""
        return frozenset(model for _, _, model in self._newest if model is not None)

    @property
    def served_names(self) -> frozenset[str]:
        """The models whose newest prediction is a sensor's answer."""
        return frozenset(made.model_name for (_, _, model), made in self._newest.items() if model is None)

    def running(self) -> dict[tuple[NetworkId, str, str], VersionActivity]:
        """By network, model and version: how many sensors have a newest prediction of it, and how many it serves."""
        sensors: Counter[tuple[NetworkId, str, str]] = Counter()
        serving: Counter[tuple[NetworkId, str, str]] = Counter()
        for (network_id, _, model), made in self._newest.items():
            (serving if model is None else sensors)[network_id, made.model_name, made.model_version] += 1
        return {version: VersionActivity(sensors[version], serving[version]) for version in sensors | serving}

    def apply(self, prediction: TrafficPrediction) -> bool:
        """Take one prediction in; returns whether it changed anything.

        Raises:
            RejectedEventError: its network or sensor is unknown here, or a value is outside the API's bounds.
        """
        known_sensor(self._networks, prediction.network_id, prediction.sensor_id)
        require_prediction(prediction)
        origins = self._origins[prediction.network_id]
        placed = origins.place(prediction)
        if placed:
            for key in _keys(prediction):
                newest = self._newest.get(key)
                if newest is None or _age(newest) <= _age(prediction):
                    self._newest[key] = self._changed[key] = prediction
        self._forget(origins)
        return placed

    def _forget(self, origins: Origins) -> None:
        for prediction in origins.dropped:
            for key in _keys(prediction):
                if self._newest.get(key) is prediction:
                    del self._newest[key]
                    self._changed.pop(key, None)
                    self._gone[key] = prediction
        origins.dropped.clear()

    def take_changes(
        self,
    ) -> tuple[Mapping[PredictionKey, TrafficPrediction], Mapping[PredictionKey, TrafficPrediction]]:
        """Since the last call: what became the newest of its key, and what was it but grew too old.

        Take the second away before the first is put in place: a sensor may have come back.
        """
        changed, gone = self._changed, self._gone
        self._changed, self._gone = {}, {}
        return changed, gone

    def find(self, query: PredictionQuery) -> Iterator[tuple[Sensor, TrafficPrediction, HorizonForecast]]:
        """At most `limit` forecasts, newest origin first, then in the order of sensors and horizons."""
        left = query.limit
        for sensor, prediction in self._walk(query):
            for horizon in prediction.horizons:
                if not is_asked(horizon, prediction, query.horizon_minutes):
                    continue
                if query.min_confidence is not None and horizon.confidence_score < query.min_confidence:
                    continue
                if query.after is not None and _is_shown(query.after, prediction, horizon, query.model_name):
                    continue
                if left == 0:
                    return
                left -= 1
                yield sensor, prediction, horizon

    def _walk(self, query: PredictionQuery) -> Iterator[tuple[Sensor, TrafficPrediction]]:
        wanted = {id_: sensors for id_ in self._networks if (sensors := self._sensors(id_, query))}
        newest_first = merge(
            *([(time, id_) for time in self._times(id_, query)] for id_ in wanted),
            key=lambda step: step[0],
            reverse=True,
        )
        for time, network_id in newest_first:
            origins = self._origins[network_id]
            for sensor in wanted[network_id][self._first(time, network_id, wanted[network_id], query.after) :]:
                for made in _made(origins, time, sensor.sensor_id, query.model_name):
                    yield sensor, made

    def _times(self, network_id: NetworkId, query: PredictionQuery) -> list[datetime]:
        """The origins of a network that are asked for, newest first."""
        return [time for time in reversed(self._origins[network_id].times) if query.has_origin(network_id, time)]

    def _first(self, time: datetime, network_id: NetworkId, sensors: Sequence[Sensor], after: Position | None) -> int:
        """Which of a network's sensors is the first that `after` does not stand behind."""
        if after is None or time != after.timestamp:
            return 0
        ranks = {id_: rank for rank, id_ in enumerate(self._networks)}
        if after.network_id not in ranks or ranks[network_id] > ranks[after.network_id]:
            return 0
        if network_id != after.network_id:
            return len(sensors)
        index = self._networks[network_id].index
        shown = index.get(after.sensor_id, -1)
        return next((place for place, each in enumerate(sensors) if index[each.sensor_id] >= shown), len(sensors))

    def _sensors(self, network_id: NetworkId, query: PredictionQuery) -> tuple[Sensor, ...]:
        network = self._networks[network_id]
        if query.network_id is not None and network_id != query.network_id:
            return ()
        if query.where is ANYWHERE:
            return network.sensors
        return tuple(filter(query.where.has, network.sensors))


def _made(origins: Origins, time: datetime, sensor_id: SensorId, model_name: str | None) -> Iterable[TrafficPrediction]:
    """What was forecast for a sensor at an origin: by what served, by one model, or by all in the order of names."""
    models = origins.at[time].get(sensor_id, {})
    if model_name == ALL_MODELS:
        return models.values()
    made = origins.served(time, sensor_id) if model_name is None else models.get(model_name)
    return () if made is None else (made,)


def _is_shown(after: Position, prediction: TrafficPrediction, horizon: HorizonForecast, model_name: str | None) -> bool:
    """Whether a forecast of the sensor and origin of `after` stands before it, or is it."""
    if (prediction.timestamp, prediction.network_id, prediction.sensor_id) != (
        after.timestamp,
        after.network_id,
        after.sensor_id,
    ):
        return False
    if model_name == ALL_MODELS and prediction.model_name != after.model_name:
        return prediction.model_name < after.model_name
    return horizon.horizon_minutes <= after.horizon_minutes


def _keys(prediction: TrafficPrediction) -> tuple[PredictionKey, ...]:
    own = (prediction.network_id, prediction.sensor_id, prediction.model_name)
    return (own, (prediction.network_id, prediction.sensor_id, None)) if prediction.serving else (own,)


def _age(prediction: TrafficPrediction) -> tuple[datetime, int]:
    return prediction.timestamp, prediction.revision
