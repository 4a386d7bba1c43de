"""The predictions of the newest forecast origins, and the newest of every sensor and model. Pure."""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import merge
from typing import TypeAlias

from services.gateway.views.known import known_sensor, require_prediction
from shared.events.records import HorizonForecast, NetworkId, SensorId, TrafficPrediction
from shared.networks.network import Network, Sensor

PredictionKey: TypeAlias = tuple[NetworkId, SensorId, str]


@dataclass(frozen=True, slots=True)
class PredictionQuery:
    """What a client asks for; `None` does not restrict. `horizon_minutes=None` means every horizon."""

    limit: int
    network_id: NetworkId | None = None
    sensor_id: SensorId | None = None
    road_type: str | None = None
    min_confidence: float | None = None
    horizon_minutes: int | None = None
    model_name: str | None = None


@dataclass(slots=True)
class _Origins:
    """Predictions of one network: by origin, then by sensor, then by model (in name order)."""

    times: list[datetime] = field(default_factory=list)
    at: dict[datetime, dict[SensorId, dict[str, TrafficPrediction]]] = field(default_factory=dict)


class PredictionsView:
    """The predictions of the newest `history / window` origins per network, each in its highest revision."""

    def __init__(self, networks: Mapping[NetworkId, Network], history: timedelta) -> None:
        self._networks = networks
        self._kept = {id_: max(1, history // network.window) for id_, network in networks.items()}
        self._origins = {id_: _Origins() for id_ in networks}
        self._newest: dict[PredictionKey, TrafficPrediction] = {}
        self._changed: dict[PredictionKey, TrafficPrediction] = {}
        self._gone: list[TrafficPrediction] = []

    @property
    def newest_origin(self) -> datetime | None:
        """The newest origin of any network; `None` before the first prediction."""
        return max((origins.times[-1] for origins in self._origins.values() if origins.times), default=None)

    @property
    def model_names(self) -> frozenset[str]:
        """The models that are predicting."""
        return frozenset(model for _, _, model in self._newest)

    def apply(self, prediction: TrafficPrediction) -> bool:
        """Take one prediction in; returns whether it changed anything.

        Raises:
            RejectedEventError: its network or sensor is unknown here, or a value is outside the API's bounds.
        """
        known_sensor(self._networks, prediction.network_id, prediction.sensor_id)
        require_prediction(prediction)
        if not self._place(prediction):
            return False
        key = (prediction.network_id, prediction.sensor_id, prediction.model_name)
        newest = self._newest.get(key)
        if newest is None or newest.timestamp <= prediction.timestamp:
            self._newest[key] = self._changed[key] = prediction
        return True

    def _place(self, prediction: TrafficPrediction) -> bool:
        origins = self._origins[prediction.network_id]
        step = origins.at.get(prediction.timestamp)
        if step is None:
            if len(origins.times) >= self._kept[prediction.network_id]:
                if prediction.timestamp < origins.times[0]:
                    return False
                self._forget(prediction.network_id, origins.at.pop(origins.times.pop(0)))
            insort(origins.times, prediction.timestamp)
            step = origins.at[prediction.timestamp] = {}
        models = step.setdefault(prediction.sensor_id, {})
        present = models.get(prediction.model_name)
        if present is not None and present.revision >= prediction.revision:
            return False
        models[prediction.model_name] = prediction
        if present is None and len(models) > 1:
            step[prediction.sensor_id] = dict(sorted(models.items()))
        return True

    def _forget(self, network_id: NetworkId, step: Mapping[SensorId, Mapping[str, TrafficPrediction]]) -> None:
        for sensor_id, models in step.items():
            for model_name, prediction in models.items():
                key = (network_id, sensor_id, model_name)
                if self._newest.get(key) is prediction:
                    del self._newest[key]
                    self._changed.pop(key, None)
                    self._gone.append(prediction)

    def take_changes(self) -> tuple[list[TrafficPrediction], list[TrafficPrediction]]:
        """Since the last call: what became the newest of its sensor and model, and what was it but grew too old.

        Take the second away before the first is put in place: a sensor may have come back.
        """
        changed, gone = list(self._changed.values()), self._gone
        self._changed, self._gone = {}, []
        return changed, gone

    def find(self, query: PredictionQuery) -> Iterator[tuple[Sensor, TrafficPrediction, HorizonForecast]]:
        """At most `limit` forecasts, newest origin first, then in the order of sensors, models and horizons."""
        left = query.limit
        for sensor, prediction in self._walk(query):
            for horizon in prediction.horizons:
                if query.horizon_minutes is not None and horizon.horizon_minutes != query.horizon_minutes:
                    continue
                if query.min_confidence is not None and horizon.confidence_score < query.min_confidence:
                    continue
                if left == 0:
                    return
                left -= 1
                yield sensor, prediction, horizon

    def _walk(self, query: PredictionQuery) -> Iterator[tuple[Sensor, TrafficPrediction]]:
        wanted = {id_: sensors for id_ in self._networks if (sensors := self._sensors(id_, query))}
        newest_first = merge(
            *([(time, id_) for time in reversed(self._origins[id_].times)] for id_ in wanted),
            key=lambda step: step[0],
            reverse=True,
        )
        for time, network_id in newest_first:
            step = self._origins[network_id].at[time]
            for sensor in wanted[network_id]:
                for model_name, prediction in step.get(sensor.sensor_id, {}).items():
                    if query.model_name is None or model_name == query.model_name:
                        yield sensor, prediction

    def _sensors(self, network_id: NetworkId, query: PredictionQuery) -> tuple[Sensor, ...]:
        network = self._networks[network_id]
        if query.network_id is not None and network_id != query.network_id:
            return ()
        if query.sensor_id is not None:
            sensors: tuple[Sensor, ...] = (network[query.sensor_id],) if query.sensor_id in network.index else ()
        else:
            sensors = network.sensors
        return tuple(sensor for sensor in sensors if query.road_type is None or sensor.road_type == query.road_type)
