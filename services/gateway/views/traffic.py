"""Everything the gateway knows, in one place: windows, predictions and alerts together. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.gateway.views.advisories import AdvisoriesView
from services.gateway.views.alerts import AlertsView
from services.gateway.views.doubted import DoubtedView
from services.gateway.views.predictions import MAX_PREDICTIONS, PredictionQuery, PredictionsView
from services.gateway.views.sensor_times import SensorTimesView
from services.gateway.views.where import ANYWHERE, Where
from services.gateway.views.windows import SensorState, WindowsView
from shared.events.model_names import MODEL_NAMES
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.traffic.health.doubted import DoubtedSensors
from shared.traffic.health.times import SensorTimes
from shared.traffic.network import Network, Sensor


@dataclass(frozen=True, slots=True)
class Forecast:
    """One horizon of one prediction, with its sensor, the speed it started from and the speed that came true."""

    sensor: Sensor
    prediction: TrafficPrediction
    horizon: HorizonForecast
    current_speed_mph: float | None
    actual_speed_mph: float | None


class TrafficView:
    """The latest state of all networks."""

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        history: timedelta,
        max_alerts: int,
        max_predictions: int = MAX_PREDICTIONS,
    ) -> None:
        self.networks = networks
        self.doubted = DoubtedView(networks)
        self.windows = WindowsView(networks, history)
        self.predictions = PredictionsView(networks, history, max_predictions)
        self.alerts = AlertsView(max_alerts)
        self.advisories = AdvisoriesView()
        self.times = SensorTimesView(networks)
        self._newest_alert: datetime | None = None
        self._changed_sensors: dict[tuple[NetworkId, SensorId], None] = {}

    @property
    def event_time(self) -> datetime | None:
        """The newest event time seen on any topic; `None` before the first record."""
        times = (self.windows.newest_end, self.predictions.newest_origin, self._newest_alert)
        return max((time for time in times if time is not None), default=None)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that clients may ask for: metrla's own, and any others that predict."""
        return (*MODEL_NAMES, *sorted(self.predictions.model_names.difference(MODEL_NAMES)))

    def apply(self, record: ProcessedTrafficAggregate | TrafficPrediction | TrafficAlert) -> bool:
        """Take one record in, in any order and any number of times; returns whether the view changed.

        Raises:
            RejectedEventError: the record is about an unknown sensor or outside the API's bounds.
        """
        match record:
            case ProcessedTrafficAggregate():
                if not self.windows.apply(record):
                    return False
                self._changed_sensors[record.network_id, record.sensor_id] = None
                return True
            case TrafficPrediction():
                return self.predictions.apply(record)
            case TrafficAlert():
                changed = self.alerts.apply(record)
                self._newest_alert = max(self._newest_alert or record.updated_at, record.updated_at)
                return changed

    def apply_doubted(self, doubted: DoubtedSensors, offset: int) -> bool:
        """Take in which sensors of a network are not believed; returns whether it was news."""
        before = self.doubted.sensors(doubted.network_id)
        if not self.doubted.apply(doubted, offset):
            return False
        for sensor_id in (before.keys() | doubted.sensors.keys()) & self.networks[doubted.network_id].index.keys():
            if before.get(sensor_id) != doubted.sensors.get(sensor_id):
                self._changed_sensors[doubted.network_id, sensor_id] = None
        return True

    def forecasts(self, query: PredictionQuery) -> Iterator[Forecast]:
        """What a query finds, newest first, with outcomes where they are known."""
        for sensor, prediction, horizon in self.predictions.find(query):
            yield self._forecast(sensor, prediction, horizon)

    def all_horizons(self, prediction: TrafficPrediction) -> Iterator[Forecast]:
        """Every horizon of one prediction."""
        sensor = self.networks[prediction.network_id][prediction.sensor_id]
        for horizon in prediction.horizons:
            yield self._forecast(sensor, prediction, horizon)

    def take_changed_sensors(self) -> list[SensorState]:
        """The sensors whose newest window, or what is said against them, changed since the last call."""
        changed = [self._doubting(self.windows.state(*key)) for key in self._changed_sensors]
        self._changed_sensors.clear()
        return changed

    def sensors(self, network_id: NetworkId | None = None, where: Where = ANYWHERE) -> Iterator[SensorState]:
        """The newest state of every sensor, in the networks' order, with what is said against it."""
        return map(self._doubting, self.windows.states(network_id, where))

    def places(self, where: Where) -> frozenset[tuple[NetworkId, SensorId]] | None:
        """The sensors of all networks that are asked for; `None` where none is left out."""
        if where == ANYWHERE:
            return None
        return frozenset(
            (id_, sensor.sensor_id)
            for id_, network in self.networks.items()
            for sensor in network.sensors
            if where.has(sensor)
        )

    def apply_times(self, times: SensorTimes, offset: int) -> None:
        """Take in what ingest says of the clocks of sensors."""
        before = {state.sensor_id for state in self.times.states(times.network_id)}
        if self.times.apply(times, offset):
            named = before | times.sensors.keys()
            known = self.networks[times.network_id].index
            self._changed_sensors |= {(times.network_id, sensor): None for sensor in named if sensor in known}

    def reporting(self, network_id: NetworkId) -> tuple[int, int]:
        """How many sensors report, and how many clocks are off.

        A sensor reports that is believed, and whose speed is not older than the window before the newest one: times of
        a clock that is off say nothing of now.
        """
        states = list(self.sensors(network_id))
        off = sum(state.clock_off is not None for state in states)
        told = [
            state.newest.window_end
            for state in states
            if state.newest is not None and state.newest.mean_speed_mph is not None and state.believed
        ]
        newest = max(told, default=None)
        window = self.networks[network_id].window
        return sum(newest is not None and newest - end <= window for end in told), off

    def _doubting(self, state: SensorState) -> SensorState:
        of = state.network_id, state.sensor.sensor_id
        return replace(state, doubted=self.doubted.of(*of), clock_off=self.times.off(*of))

    def _forecast(self, sensor: Sensor, prediction: TrafficPrediction, horizon: HorizonForecast) -> Forecast:
        current = prediction.current_speed_mph
        if current is None:
            current = self.windows.speed_mph(prediction.network_id, prediction.sensor_id, prediction.timestamp)
        actual = self.windows.speed_mph(prediction.network_id, prediction.sensor_id, horizon.target_timestamp)
        return Forecast(sensor, prediction, horizon, current, actual)
