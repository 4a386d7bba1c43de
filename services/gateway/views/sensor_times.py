"""With the times of which sensors something is wrong, as ingest says it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.events.records import NetworkId, SensorId
from shared.traffic.health.times import SensorTime, SensorTimes
from shared.traffic.network import Network


@dataclass(frozen=True, slots=True)
class SensorTimeState:
    """One sensor, what is wrong with its times, since when that is counted, and when it was said (wall time)."""

    network_id: NetworkId
    sensor_id: SensorId
    time: SensorTime
    since: datetime
    as_of: datetime


class SensorTimesView:
    """What was last said of each partition of each network, in whatever order records are taken in."""

    def __init__(self, networks: Mapping[NetworkId, Network]) -> None:
        self._networks = networks
        self._newest: dict[tuple[NetworkId, int], tuple[int, SensorTimes]] = {}

    def apply(self, times: SensorTimes, offset: int) -> bool:
        """Take one record in; returns whether it was the newest of its partition."""
        place = times.network_id, times.partition
        if times.network_id not in self._networks or (place in self._newest and self._newest[place][0] >= offset):
            return False
        self._newest[place] = offset, times
        return True

    def off(self, network_id: NetworkId, sensor_id: SensorId) -> "SensorTimeState | None":
        """What was last said of a sensor whose clock is off; `None` where it is right."""
        last = max(
            (entry for (of, _), entry in self._newest.items() if of == network_id and sensor_id in entry[1].sensors),
            key=lambda entry: entry[0],
            default=None,
        )
        if last is None or last[1].sensors[sensor_id].ahead_s is None:
            return None
        times = last[1]
        return SensorTimeState(network_id, sensor_id, times.sensors[sensor_id], times.since, times.as_of)

    def states(self, network_id: NetworkId | None = None) -> Iterator[SensorTimeState]:
        """The sensors with something wrong, in the order of networks and sensors."""
        for id_, network in self._networks.items():
            if network_id not in {None, id_}:
                continue
            found = {
                sensor_id: SensorTimeState(id_, sensor_id, time, times.since, times.as_of)
                for (of, _), (_, times) in sorted(self._newest.items(), key=lambda entry: entry[1][0])
                if of == id_
                for sensor_id, time in times.sensors.items()
            }
            yield from (found[sensor_id] for sensor_id in network.index if sensor_id in found)
