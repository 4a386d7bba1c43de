"""The newest windows of every sensor. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.gateway.views.known import known_sensor, require_window
from services.gateway.views.sensor_times import SensorTimeState
from services.gateway.views.where import ANYWHERE, Where
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.traffic.health.doubted import DoubtedSensor
from shared.traffic.network import Network, Sensor


@dataclass(slots=True)
class _Windows:
    """Windows of one sensor by their end."""

    by_end: dict[datetime, ProcessedTrafficAggregate] = field(default_factory=dict)
    newest: ProcessedTrafficAggregate | None = None


@dataclass(frozen=True, slots=True)
class SensorState:
    """A sensor, its newest window, `None` where none was seen yet, and why it is not believed, if it is not.

    Attributes:
        network_id: its network.
        sensor: the sensor.
        newest: its newest window.
        doubted: what the alert detector says against it.
        clock_off: where its clock is off.
    """

    network_id: NetworkId
    sensor: Sensor
    newest: ProcessedTrafficAggregate | None
    doubted: DoubtedSensor | None = None
    clock_off: SensorTimeState | None = None

    @property
    def believed(self) -> bool:
        """Whether nothing is said against it."""
        return self.doubted is None and self.clock_off is None


class WindowsView:
    """The windows of the last `history` of event time per sensor, each in its highest revision."""

    def __init__(self, networks: Mapping[NetworkId, Network], history: timedelta) -> None:
        self._networks = networks
        self._kept = {id_: max(1, history // network.window) + 1 for id_, network in networks.items()}
        self._sensors: dict[tuple[NetworkId, SensorId], _Windows] = {
            (id_, sensor.sensor_id): _Windows() for id_, network in networks.items() for sensor in network.sensors
        }
        self.newest_end: datetime | None = None

    def apply(self, window: ProcessedTrafficAggregate) -> bool:
        """Take one window in; returns whether it became its sensor's newest state.

        Raises:
            RejectedEventError: its network or sensor is unknown here, or a value is outside the API's bounds.
        """
        known_sensor(self._networks, window.network_id, window.sensor_id)
        require_window(window)
        windows = self._sensors[window.network_id, window.sensor_id]
        present = windows.by_end.get(window.window_end)
        if present is not None and present.revision >= window.revision:
            return False
        windows.by_end[window.window_end] = window
        if len(windows.by_end) > self._kept[window.network_id]:
            del windows.by_end[min(windows.by_end)]
        self.newest_end = window.window_end if self.newest_end is None else max(self.newest_end, window.window_end)
        if windows.newest is not None and window.window_end < windows.newest.window_end:
            return False
        windows.newest = window
        return True

    def speed_mph(self, network_id: NetworkId, sensor_id: SensorId, window_end: datetime) -> float | None:
        """Mean speed of the window that ends at `window_end`; `None` where unknown or not observed."""
        window = self._sensors[network_id, sensor_id].by_end.get(window_end)
        return None if window is None else window.mean_speed_mph

    def state(self, network_id: NetworkId, sensor_id: SensorId) -> SensorState:
        """The newest state of one known sensor."""
        sensor = self._networks[network_id][sensor_id]
        return self._state(network_id, sensor)

    def states(self, network_id: NetworkId | None = None, where: Where = ANYWHERE) -> Iterator[SensorState]:
        """The newest state of every sensor, in the networks' order."""
        for id_, network in self._networks.items():
            if network_id is None or id_ == network_id:
                for sensor in network.sensors:
                    if where.has(sensor):
                        yield self._state(id_, sensor)

    def _state(self, network_id: NetworkId, sensor: Sensor) -> SensorState:
        return SensorState(network_id, sensor, self._sensors[network_id, sensor.sensor_id].newest)
