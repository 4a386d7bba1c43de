"""What is usual at the sensors of advisories, looked up in the windows of the weeks before. Pure.

The median speed of each half hour of the day, apart for working days and for weekends and holidays, over the three
weeks before the alert was raised, so that what is announced is no part of it. Known where three days at least were
seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.calendar import half_hour_slot
from shared.traffic.network import Network
from shared.traffic.usual.medians import usual_medians

LOOK_BACK = timedelta(days=21)
FRESH = timedelta(days=1)
PENDING = -np.inf
"""Not looked up yet: no speed is slower than usual."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sensor whose usual speeds are to be looked up, from windows that start before `before`."""

    network_id: NetworkId
    sensor_id: SensorId
    before: datetime


@dataclass
class UsualLookups:
    """Usual speeds by sensor, as far as they were looked up."""

    _tables: dict[tuple[NetworkId, SensorId], tuple[datetime, Floats]] = field(default_factory=dict)

    def wanted(self, alerts: Iterable[TrafficAlert]) -> Iterator[Wanted]:
        """What has to be looked up for these alerts."""
        for alert in alerts:
            for sensor_id in alert.affected_sensors:
                known = self._tables.get((alert.network_id, sensor_id))
                if known is None or abs(alert.raised_at - known[0]) > FRESH:
                    yield Wanted(alert.network_id, sensor_id, alert.raised_at)

    def put(self, wanted: Wanted, network: Network, windows: Iterable[ProcessedTrafficAggregate]) -> None:
        """Take in the windows that were found; none make everything unknown."""
        medians = usual_medians(network, windows)
        self._tables[wanted.network_id, wanted.sensor_id] = wanted.before, medians

    def at(self, network: Network, at: datetime) -> Floats:
        """Of the window that ends at `at`: (sensors,) mph in the order of the network, NaN where unknown.

        `PENDING` where it was not looked up yet.
        """
        usual = np.full(len(network.sensors), PENDING)
        slot = half_hour_slot(network, at - network.window)
        for (network_id, sensor_id), (_, medians) in self._tables.items():
            if network_id == network.network_id:
                usual[network.index[sensor_id]] = medians[slot]
        return usual
