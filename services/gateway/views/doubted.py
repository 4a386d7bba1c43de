"""Which sensors are not believed, as the alert detector says it. Pure."""

from collections.abc import Mapping

from shared.events.records import NetworkId, SensorId
from shared.traffic.health.doubted import DoubtedSensor, DoubtedSensors
from shared.traffic.network import Network


class DoubtedView:
    """What was last said of each network, in whatever order records are taken in."""

    def __init__(self, networks: Mapping[NetworkId, Network]) -> None:
        self._networks = networks
        self._newest: dict[NetworkId, tuple[int, DoubtedSensors]] = {}

    def apply(self, doubted: DoubtedSensors, offset: int) -> bool:
        """Take one record in; returns whether it was the newest of its network."""
        network_id = doubted.network_id
        if network_id not in self._networks or (network_id in self._newest and self._newest[network_id][0] >= offset):
            return False
        self._newest[network_id] = offset, doubted
        return True

    def of(self, network_id: NetworkId, sensor_id: SensorId) -> DoubtedSensor | None:
        """Why a sensor is not believed, `None` where it is or nobody has said so."""
        return self.sensors(network_id).get(sensor_id)

    def sensors(self, network_id: NetworkId) -> Mapping[SensorId, DoubtedSensor]:
        """All sensors of a network that are not believed."""
        told = self._newest.get(network_id)
        return {} if told is None else told[1].sensors
