"""Recorded speed, occupancy and volume on the windows of a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from structlog.stdlib import BoundLogger

from metrla.data.feeds.files.formats import PEMS_SUFFIXES, WIDE_SUFFIXES, open_readings
from metrla.data.feeds.files.readings_file import RecordedStep
from metrla.data.feeds.files.times import PLAIN, TimeReading
from metrla.data.feeds.local_time import zone_of_times
from metrla.data.feeds.speed_table import require_room
from metrla.data.feeds.step_length import resampled, step_length
from shared.alerts.detection.protocol import Observation
from shared.events.errors import ConfigurationError
from shared.events.quantities import SPEED, VOLUME
from shared.events.records import SensorId
from shared.traffic.arrays import Flags, Floats, Integers, ratio
from shared.traffic.calendar import day_of, is_day_off, slots_per_day
from shared.traffic.network import Network
from shared.traffic.readings import speeds_of_nobody, unfit
from shared.traffic.roadway import Roadway, roadway

log: BoundLogger = structlog.stdlib.get_logger(__name__)

STRAY_SHARE = 0.01
"""So many values beyond what a unit allows are faults of sensors; more of them are another unit."""
PERCENT = 100.0
LONG_GAP = timedelta(minutes=90)
"""Longer than the hour that daylight saving skips."""
MUCH_MISSING = 0.1
RANGES = {"speed": SPEED, "volume": VOLUME}
"""Of single readings; of occupancy nobody knows yet in which unit it is."""
# In a folder of wide tables, what the beginning of a file's name says that it holds.
NAMED = {"speed": "speed", "occupancy": "occupancy", "flow": "volume", "volume": "volume", "pct_observed": "observed"}


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Measures of a network, (windows, sensors) in road order, NaN where missing or refused by ingest.

    Values that were mostly imputed are there, with the share of them that was observed, as they are in a live window;
    `observed` leaves them out.

    Attributes:
        road: layout of the network.
        start: local time of the first window, which starts a day.
        speed_mph: mean speeds.
        occupancy: 0-1; all NaN in a feed without it.
        volume: vehicles per window; all NaN in a feed without it.
        day: (windows,) number of the local day.
        slot: (windows,) number of the window in its local day.
        weekend: (days,) which days are Saturday, Sunday or a public holiday.
        share_observed: part of each window that was observed, 0-1; `None`: nobody says.
    """

    road: Roadway
    start: datetime
    speed_mph: Floats
    occupancy: Floats
    volume: Floats
    day: Integers
    slot: Integers
    weekend: Flags
    share_observed: Floats | None = None

    @property
    def per_day(self) -> int:
        """Windows in a day."""
        return slots_per_day(self.road.network)

    @property
    def window_minutes(self) -> float:
        """Length of a window."""
        return self.road.network.window / timedelta(minutes=1)

    @property
    def has_occupancy(self) -> bool:
        """Whether any occupancy was read."""
        return bool(np.isfinite(self.occupancy).any())

    def observations(self) -> Iterator[Observation]:
        """Window after window, as a detector sees it."""
        network = self.road.network
        days = [day_of(network, (self.start + timedelta(days=ahead)).date()) for ahead in range(len(self.weekend))]
        week = np.array(days)[self.day] * self.per_day + self.slot
        for number in range(len(self.speed_mph)):
            yield Observation(int(week[number]), self.speed_mph[number], self.occupancy[number], self.volume[number])

    def observed(self) -> "Measures":
        """Without the values that were mostly imputed, which are no truth."""
        imputed = unfit(self.speed_mph, share_observed=self.share_observed).imputed
        return replace(
            self,
            speed_mph=np.where(imputed, np.nan, self.speed_mph),
            occupancy=np.where(imputed, np.nan, self.occupancy),
            volume=np.where(imputed, np.nan, self.volume),
        )

    def window_end(self, window: int) -> datetime:
        """End of a window, by its number, UTC."""
        network = self.road.network
        local = self.start + timedelta(days=int(self.day[window])) + int(self.slot[window] + 1) * network.window
        return local.replace(tzinfo=network.time_zone).astimezone(UTC)

    def last(self, days: int) -> "Measures":
        """The last days of them alone; all where there are no more."""
        left_out = max(len(self.weekend) - days, 0)
        rows = self.day >= left_out
        return replace(
            self,
            start=self.start + timedelta(days=left_out),
            speed_mph=self.speed_mph[rows],
            occupancy=self.occupancy[rows],
            volume=self.volume[rows],
            day=self.day[rows] - left_out,
            slot=self.slot[rows],
            weekend=self.weekend[left_out:],
            share_observed=None if self.share_observed is None else self.share_observed[rows],
        )

    def heard(self) -> "Measures":
        """Of the sensors alone that have any speed: a table of stations may name many more."""
        there = np.asarray(np.isfinite(self.speed_mph).any(axis=0))
        if there.all():
            return self
        network = self.road.network
        names = {sensor.sensor_id for sensor, one in zip(self.road.sensors, there, strict=True) if one}
        sensors = tuple(sensor for sensor in network.sensors if sensor.sensor_id in names)
        share = self.share_observed
        return replace(
            self,
            # In road order as they are, for each carriageway keeps its order.
            road=roadway(replace(network, sensors=sensors)),
            speed_mph=self.speed_mph[:, there],
            occupancy=self.occupancy[:, there],
            volume=self.volume[:, there],
            share_observed=None if share is None else share[:, there],
        )

    def gaps(self) -> list[str]:
        """What of the speeds is missing, one line for each thing that a study should not pass over in silence."""
        there = np.isfinite(self.speed_mph)
        # The first and the last day need not be whole.
        heard = np.asarray(there.any(axis=1))
        spoken = np.flatnonzero(heard)
        silence = np.zeros(len(there), dtype=np.bool_)
        silence[spoken[0] : spoken[-1]] = ~heard[spoken[0] : spoken[-1]]
        outages = _spells(silence, round(LONG_GAP / self.road.network.window))
        told = []
        if outages:
            first, windows = max(outages, key=lambda spell: spell[1])
            hours = windows * self.window_minutes / 60
            since = self.start + timedelta(days=int(self.day[first])) + int(self.slot[first]) * self.road.network.window
            count = f"{len(outages)} times" if len(outages) > 1 else "once"
            told.append(f"no sensor has a speed {count}, for {hours:.1f} h at the longest, from {since:%Y-%m-%d %H:%M}")
        silent = int((~there.any(axis=0)).sum())
        if silent:
            told.append(f"{silent:,} of {there.shape[1]:,} sensors have no speed at all")
        elif there.mean() < 1 - MUCH_MISSING:
            told.append(f"{1 - there.mean():.0%} of the speeds are missing")
        imputed = there & ~np.isfinite(self.observed().speed_mph)
        if imputed.sum() > MUCH_MISSING * there.sum():
            told.append(f"{imputed.sum() / there.sum():.0%} of the speeds were mostly imputed")
        return told

    def minutes(self, local: datetime) -> float:
        """Minutes from the first window to a local time."""
        return (local - self.start) / timedelta(minutes=1)


def read_measures(
    path: Path, network: Network, times: TimeReading = PLAIN, on_file: Callable[[Path], None] = lambda _: None
) -> Measures:
    """Read a file of speeds, or a folder of wide tables and PeMS station_5min files.

    The tables of a folder are told apart by their names: speed*, occupancy*, flow* or volume*, pct_observed* (0-100).
    Windows are those of the local clock: the hour that daylight saving
    skips is a gap, of the one that it repeats the first reading counts. `times` says how the times of the files are
    written, where they do not say so themselves. Where readings are finer than windows, these have the means of speed,
    occupancy and share observed and the sum of volumes, as ingest makes them. Occupancy in percent, as PeMS exports
    it, is recognised by its values and made a share; the log says so.

    Raises:
        ConfigurationError: nothing readable is there, none of its sensors is in the network, the readings of a file are
            further apart than the windows, or its occupancy is neither a share nor in percent.
    """
    files = _files(path)
    start, end = _days(files, network, times)
    require_room(path, start, end, network)
    count = (end - start) // network.window
    gathered = {name: _Gathered.of(name, count, len(network.sensors)) for name in set(NAMED.values())}
    for file, kind in files.items():
        on_file(file)
        recording = open_readings(file, times)
        note = resampled(recording, network)
        if note:
            log.info("several readings in a window", path=str(file), note=note)
        zone = zone_of_times(recording, network)
        names: Sequence[str] = ()
        columns, rows = _columns(names, network)
        for step in recording.steps():
            if step.sensor_ids != names:
                names = step.sensor_ids
                columns, rows = _columns(names, network)
            local = _local(step.time, zone, network)
            at = (local - start) // network.window
            if not 0 <= at < count:
                raise ConfigurationError(
                    f"{file}: its times are not in order: {step.time} is outside its first and last"
                )
            for name, values in _values(step, kind).items():
                told = np.asarray(values, dtype=np.float64)[columns]
                if name == "speed" and recording.zero_is_missing:
                    told = np.where(told == 0, np.nan, told)
                gathered[name].add(at, rows, told, local)
    measures = {name: one.values for name, one in gathered.items()}
    measures["occupancy"] = _as_share(measures["occupancy"], path)
    if not np.isfinite(measures["speed"]).any():
        raise ConfigurationError(f"{path}: no speed of a sensor of network {network.network_id}")
    # An unfit speed is one that ingest would have rejected: no detector ever sees it.
    faults = unfit(*(measures[name] for name in ("speed", "volume", "occupancy", "observed")))
    measures["speed"][speeds_of_nobody(measures["speed"], measures["volume"], measures["occupancy"])] = np.nan
    spoilt = np.logical_or.reduce([one.spoilt for one in gathered.values()])
    refused = faults.out_of_range | spoilt
    road = roadway(network)
    speed, occupancy, volume, share = (
        np.where(refused, np.nan, measures[name])[:, road.columns]
        for name in ("speed", "occupancy", "volume", "observed")
    )
    part_observed = share if np.isfinite(share).any() else None
    number = np.arange(count)
    per_day = slots_per_day(network)
    dates = [(start + timedelta(days=ahead)).date() for ahead in range((end - start).days)]
    weekend = np.array([is_day_off(network, day) for day in dates])
    return Measures(road, start, speed, occupancy, volume, number // per_day, number % per_day, weekend, part_observed)


def _spells(flags: Flags, least: int) -> list[tuple[int, int]]:
    """Where flags are set for at least so many windows: first window and how many."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    return [(int(at), int(end - at)) for at, end in zip(begins, ends, strict=True) if end - at >= least]


def reading_interval(path: Path, times: TimeReading = PLAIN) -> timedelta | None:
    """How far apart the readings of a file, or of the first table of a folder, are; `None` where nobody can tell.

    Raises:
        ConfigurationError: nothing readable is there.
    """
    return step_length(open_readings(next(iter(_files(path))), times))


@dataclass(eq=False)
class _Gathered:
    """One measure of all windows (windows, sensors): sums and numbers of the readings that fall into each.

    `refused` marks where a reading was out of range, so that ingest would not have taken it.
    """

    name: str
    total: Floats
    number: Integers
    refused: Flags
    _moments: dict[int, set[datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, windows: int, sensors: int) -> "_Gathered":
        """Of no reading yet."""
        shape = windows, sensors
        return cls(name, np.zeros(shape), np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=np.bool_))

    def add(self, window: int, rows: Integers, told: Floats, moment: datetime) -> None:
        """Take in what some sensors told at a moment; of what is told twice of it the first counts."""
        moments = self._moments.setdefault(window, set())
        fits = ~np.isnan(told)
        if self.name in RANGES:
            fits &= (told >= RANGES[self.name].least) & (told <= RANGES[self.name].most)
        self.refused[window, rows] |= ~np.isnan(told) & ~fits
        if moment in moments:
            fits &= self.number[window, rows] == 0
        moments.add(moment)
        self.total[window, rows] += np.where(fits, told, 0.0)
        self.number[window, rows] += fits

    @property
    def values(self) -> Floats:
        """The sums of volumes, the means of other measures; NaN where nothing was told."""
        mean = ratio(self.total, self.number.astype(np.float64))
        return mean * self.number if self.name == "volume" else mean

    @property
    def spoilt(self) -> Flags:
        """Where nothing was told but what is out of range."""
        flags: Flags = self.refused & (self.number == 0)
        return flags


def _as_share(occupancy: Floats, path: Path) -> Floats:
    """Occupancy as a share (0-1); raises `ConfigurationError` where it cannot be one, nor in percent."""
    known = occupancy[np.isfinite(occupancy)]
    above = float(np.mean(known > 1)) if known.size else 0.0
    if above <= STRAY_SHARE:
        return occupancy
    if np.mean(known > PERCENT) > STRAY_SHARE:
        raise ConfigurationError(f"{path}: occupancy of up to {known.max():g} is neither a share (0-1) nor in percent")
    log.warning("occupancy is in percent, and taken so", path=str(path), above_one=round(above, 3))
    return occupancy / PERCENT


def _files(path: Path) -> Mapping[Path, str]:
    if path.is_file():
        return {path: "speed"}
    if not path.is_dir():
        raise ConfigurationError(f"{path}: no such file or folder")
    found = {}
    for file in sorted(path.iterdir()):
        if file.name.endswith(PEMS_SUFFIXES):
            found[file] = "all"
        elif file.name.endswith(WIDE_SUFFIXES):
            kind = next((kind for name, kind in NAMED.items() if file.name.startswith(name)), None)
            if kind is not None:
                found[file] = kind
    if not found:
        raise ConfigurationError(f"{path}: neither PeMS station_5min files nor tables named {'*, '.join(NAMED)}*")
    return found


def _days(files: Mapping[Path, str], network: Network, times: TimeReading) -> tuple[datetime, datetime]:
    recordings = [open_readings(file, times) for file in files]
    extents = [
        [_local(each, zone_of_times(recording, network), network) for each in recording.extent()]
        for recording in recordings
    ]
    # A file whose times go back may end before it begins.
    first, last = min(map(min, extents)), max(map(max, extents))
    return datetime.combine(first, time()), datetime.combine(last, time()) + timedelta(days=1)


def _local(time: datetime, zone: ZoneInfo, network: Network) -> datetime:
    """On the network's clock, naive; `zone` is that of a time without an offset."""
    if time.tzinfo is None:
        if zone == network.time_zone:
            return time
        time = time.replace(tzinfo=zone)
    return time.astimezone(network.time_zone).replace(tzinfo=None)


def _values(step: RecordedStep, kind: str) -> dict[str, object]:
    if kind == "observed":
        return {"observed": np.asarray(step.speed_mph) / 100.0}
    if kind not in {"speed", "all"}:
        return {kind: step.speed_mph}
    carried = {
        "speed": step.speed_mph,
        "occupancy": step.occupancy,
        "volume": step.volume_vehicles,
        "observed": step.share_observed,
    }
    told = {name: values for name, values in carried.items() if values is not None}
    # Of each reading, as ingest judges it: among others in its window, a 0 of nobody would pull the mean down.
    nobody = speeds_of_nobody(step.speed_mph, step.volume_vehicles, step.occupancy)
    return {**told, "speed": np.where(nobody, np.nan, np.asarray(step.speed_mph, dtype=np.float64))}


def _columns(names: Sequence[str], network: Network) -> tuple[Integers, Integers]:
    pairs = [
        (column, network.index[SensorId(name)]) for column, name in enumerate(names) if SensorId(name) in network.index
    ]
    columns, rows = zip(*pairs, strict=True) if pairs else ((), ())
    return np.array(columns, dtype=np.intp), np.array(rows, dtype=np.intp)
