"""The simulator: any network, any time, the same traffic for the same seed. Pure."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from math import isnan

import numpy as np

from metrla.data.feeds.delivery import Delivery
from metrla.data.simulation.days import DayTraffic, World, simulate_days, simulated_day
from metrla.data.simulation.faults import (
    FAULTY_SHARE,
    DayReadings,
    FaultKind,
    SensorFault,
    apply_faults,
    draw_faults,
    max_delay_steps,
)
from metrla.data.simulation.roads import Indices, lay_out
from metrla.data.simulation.scenario import Incident, Rain, Scenario
from shared.events.errors import ConfigurationError
from shared.events.quantities import EPOCH
from shared.events.records import TrafficEvent
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

# Days made side by side: a bound on memory, and wide enough that numpy and not Python does the work.
DAYS_AT_ONCE = 7
DAYS_KEPT = 3


class Simulator:
    """Simulated traffic of a network.

    Everything is a function of (network, seed, what is injected, instant): asking in other pieces, in another order or
    from another process gives the same readings.

    Args:
        network: any network; carriageways come from its postmiles, peaks from its time zone.
        seed: picks bottlenecks, days, incidents, rain and faults.
        incidents: happen in addition to the drawn ones.
        rain: falls in addition to the drawn one.
        faults: kinds of faults to draw.
        faulty_share: probability per day, sensor and kind.
        injected_faults: happen in addition to the drawn ones.
        random_scenario: False leaves incidents and rain to those injected.
    """

    def __init__(
        self,
        network: Network,
        seed: int,
        *,
        incidents: Sequence[Incident] = (),
        rain: Sequence[Rain] = (),
        faults: Collection[FaultKind] = (),
        faulty_share: float = FAULTY_SHARE,
        injected_faults: Sequence[SensorFault] = (),
        random_scenario: bool = True,
    ) -> None:
        named = {incident.sensor_id for incident in incidents} | {fault.sensor_id for fault in injected_faults}
        if unknown := named - set(network.index):
            raise ConfigurationError(f"network {network.network_id} has no sensor {', '.join(sorted(unknown))}")
        self.network = network
        self.seed = seed
        self._world = World(network, seed, lay_out(network, seed), tuple(incidents), tuple(rain), random_scenario)
        self._kinds = frozenset(faults)
        self._faulty_share = faulty_share
        self._injected_faults = tuple(injected_faults)
        self._days: OrderedDict[date, DayReadings] = OrderedDict()

    def speeds(self, start: datetime, steps: int) -> Floats:
        """Mean speed per window, as ingest would make it of the readings.

        Args:
            start: start of the first window.
            steps: number of windows.

        Returns:
            mph, steps x sensors in network order; NaN where a sensor sent nothing.

        Raises:
            ConfigurationError: `start` is not the start of a window, or readings do not fill a window evenly.
        """
        window, interval = self.network.window, self.network.reading_interval
        if self.network.window_start(start) != start or window % interval:
            raise ConfigurationError(
                f"{start.isoformat()} does not start a window of {window} with readings of {interval}"
            )
        per_window = window // interval
        means = np.full((steps, len(self.network.sensors)), np.nan)
        instant, stop = start, start + steps * window
        while instant < stop:
            until = min(stop, instant + DAYS_AT_ONCE * timedelta(days=1))
            readings = np.concatenate(list(self._spans(instant, until)))
            heard = ~np.isnan(readings)
            folded = np.where(heard, readings, 0.0).reshape(-1, per_window, readings.shape[1]).sum(axis=1)
            count = heard.reshape(-1, per_window, readings.shape[1]).sum(axis=1)
            at = (instant - start) // window
            means[at : at + len(count)] = np.divide(folded, count, out=np.full(folded.shape, np.nan), where=count > 0)
            instant = until
        return means

    def deliveries(self, start: datetime, stop: datetime | None = None) -> Iterator[Delivery]:
        """What the feed delivers in [start, stop), a reading time after the other; without `stop` it never ends.

        Late readings and copies of earlier ones are delivered when they arrive, so what one call delivers up to an
        instant and another one from there on is what a single call over both would deliver.
        """
        interval = self.network.reading_interval
        step = -((EPOCH - start) // interval)
        while stop is None or EPOCH + step * interval < stop:
            yield Delivery(EPOCH + step * interval, tuple(self._arriving(step)))
            step += 1

    def scenario(self, start: datetime, stop: datetime) -> Scenario:
        """The incidents and the rain that touch [start, stop): the ground truth."""
        days = self._readings(_days_between(start, stop, self.network))
        incidents = dict.fromkeys(one for day in days for one in day.traffic.scenario.incidents)
        rain = dict.fromkeys(one for day in days for one in day.traffic.scenario.rain)
        return Scenario(
            tuple(one for one in incidents if one.start < stop and one.end > start),
            tuple(one for one in rain if one.start < stop and one.end > start),
        )

    def sensor_faults(self, start: datetime, stop: datetime) -> tuple[SensorFault, ...]:
        """The faults that touch [start, stop): the ground truth."""
        days = self._readings(_days_between(start, stop, self.network))
        faults = dict.fromkeys(fault for day in days for fault in day.faults)
        return tuple(fault for fault in faults if fault.start < stop and fault.end > start)

    def _arriving(self, step: int) -> Iterator[TrafficEvent]:
        day, row = self._at(step)
        yield from self._events(day, row, np.flatnonzero(day.delay[row] == 0))
        for lag in range(1, max_delay_steps(self.network) + 1):
            earlier, row = (day, row - 1) if row else self._at(step - lag)
            if not earlier.delivered_in_order:
                yield from self._events(earlier, row, np.flatnonzero(earlier.delay[row] == lag))
                yield from self._events(earlier, row, np.flatnonzero(earlier.copy[row] == lag))
            day = earlier

    def _events(self, day: DayReadings, row: int, columns: Indices) -> Iterator[TrafficEvent]:
        traffic, network = day.traffic, self.network
        timestamp = traffic.start + row * network.reading_interval
        suffix = f"@{timestamp:%Y-%m-%dT%H:%M:%SZ}"
        speed, volume, occupancy = (
            measure[row].tolist() for measure in (traffic.speed_mph, traffic.volume, traffic.occupancy)
        )
        for column in columns:
            if not isnan(speed[column]):
                sensor = network.sensors[column]
                yield TrafficEvent(
                    event_id=sensor.sensor_id + suffix,
                    network_id=network.network_id,
                    sensor_id=sensor.sensor_id,
                    timestamp=timestamp,
                    speed_mph=round(speed[column], 1),
                    volume_vehicles=volume[column],
                    occupancy=round(occupancy[column], 4),
                    share_observed=1.0,
                )

    def _spans(self, start: datetime, stop: datetime) -> Iterator[Floats]:
        interval = self.network.reading_interval
        for day in self._readings(_days_between(start, stop, self.network)):
            traffic = day.traffic
            first = max(0, (start - traffic.start) // interval)
            last = min(len(traffic.speed_mph), (stop - traffic.start) // interval)
            speeds: Floats = traffic.speed_mph[first:last].astype(np.float64)
            yield np.round(speeds, 1)

    def _at(self, step: int) -> tuple[DayReadings, int]:
        interval = self.network.reading_interval
        instant = EPOCH + step * interval
        (day,) = self._readings([simulated_day(instant, self.network)])
        return day, (instant - day.traffic.start) // interval

    def _readings(self, days: Sequence[date]) -> list[DayReadings]:
        missing = [day for day in days if day not in self._days]
        made = {}
        for first in range(0, len(missing), DAYS_AT_ONCE):
            batch = missing[first : first + DAYS_AT_ONCE]
            for day, traffic in zip(batch, simulate_days(self._world, batch), strict=True):
                made[day] = self._with_faults(day, traffic)
        readings = [made.get(day) or self._days[day] for day in days]
        self._days.update(made)
        while len(self._days) > DAYS_KEPT:
            self._days.popitem(last=False)
        return readings

    def _with_faults(self, day: date, traffic: DayTraffic) -> DayReadings:
        rng = np.random.default_rng([self.seed, 5, day.toordinal()])
        drawn = draw_faults(self.network, traffic.start, self._kinds, self._faulty_share, rng)
        end = traffic.start + len(traffic.speed_mph) * self.network.reading_interval
        injected = tuple(fault for fault in self._injected_faults if fault.start < end and fault.end > traffic.start)
        return apply_faults(traffic, (*drawn, *injected), self.network, rng)


def _days_between(start: datetime, stop: datetime, network: Network) -> list[date]:
    first, last = simulated_day(start, network), simulated_day(stop - timedelta(microseconds=1), network)
    return [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
