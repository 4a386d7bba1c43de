"""What is usual at the sensors of advisories, from the windows of the weeks before. Pure.

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
from shared.traffic.calendar import DAY_TYPES, is_day_off
from shared.traffic.network import Network

LOOK_BACK = timedelta(days=21)
FRESH = timedelta(days=1)
LEAST_DAYS = 3
SLOTS, SLOT_MINUTES = 48, 30
PENDING = -np.inf
"""Not looked up yet: no speed is slower than usual."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sensor whose usual speeds are to be looked up, from windows that start before `before`."""

    network_id: NetworkId
    sensor_id: SensorId
    before: datetime


@dataclass
class UsualSpeeds:
    """Usual speeds by sensor: (DAY_TYPES, 48) for working days and days off, NaN where unknown."""

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
        speeds: dict[tuple[int, int], list[float]] = {}
        days: dict[tuple[int, int], set[int]] = {}
        for window in windows:
            if window.mean_speed_mph is not None:
                place = slot_of(window.window_end, network)
                speeds.setdefault(place, []).append(window.mean_speed_mph)
                days.setdefault(place, set()).add(window.window_end.astimezone(network.time_zone).toordinal())
        table = np.full((DAY_TYPES, SLOTS), np.nan)
        for place, seen in speeds.items():
            if len(days[place]) >= LEAST_DAYS:
                table[place] = float(np.median(seen))
        self._tables[wanted.network_id, wanted.sensor_id] = wanted.before, table

    def at(self, network: Network, at: datetime) -> Floats:
        """Usual speeds (sensors,) in the order of the network, mph: NaN where unknown, `PENDING` if not looked up."""
        usual = np.full(len(network.sensors), PENDING)
        place = slot_of(at, network)
        for (network_id, sensor_id), (_, table) in self._tables.items():
            if network_id == network.network_id:
                usual[network.index[sensor_id]] = table[place]
        return usual


def slot_of(end: datetime, network: Network) -> tuple[int, int]:
    """Type of day (0: a working day) and half hour, local, of the window that ends at `end`."""
    local = (end - network.window).astimezone(network.time_zone)
    return int(is_day_off(network, local.date())), (local.hour * 60 + local.minute) // SLOT_MINUTES
