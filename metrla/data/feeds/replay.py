"""A file of readings as the events of a network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import isnan
from zoneinfo import ZoneInfo

import numpy as np

from metrla.data.feeds.delivery import Delivery
from metrla.data.feeds.files.readings_file import ReadingsFile, RecordedStep
from metrla.data.feeds.local_time import timed_steps
from metrla.data.feeds.step_length import resampled
from shared.events.errors import ConfigurationError
from shared.events.quantities import SPEED
from shared.events.records import SensorId, TrafficEvent
from shared.traffic.arrays import Flags
from shared.traffic.network import Network
from shared.traffic.readings import unfit

SHOWN_SENSORS = 5


class Missing(StrEnum):
    """What becomes of a reading without any measure."""

    DROP = "drop"
    MARK = "mark"


@dataclass(slots=True)
class ReplayCounts:
    """What a replay has come across so far, in readings."""

    read: int = 0
    missing: int = 0
    out_of_range: int = 0
    unknown_sensor: int = 0
    skipped_hour: int = 0


@dataclass(slots=True)
class Replay:
    """Turns a file of readings into deliveries.

    Args:
        recording: the file.
        network: its sensors must be the file's; its time zone is the file's.
        begin: first instant (aware), inclusive; `None` is the start of the file.
        end: last instant (aware), exclusive; `None` is the end of the file.
        missing: drop readings without any measure, or send them marked as missing.
        skip_unknown: leave out sensors that the network does not have instead of refusing the file.

    `resampled` says in one line what becomes of several readings in a window; it is empty where each has one.

    Raises:
        ConfigurationError: the file has sensors that the network does not have, or none that it has; or its readings
            are further apart than the network's windows.
    """

    recording: ReadingsFile
    network: Network
    begin: datetime | None = None
    end: datetime | None = None
    missing: Missing = Missing.DROP
    skip_unknown: bool = False
    counts: ReplayCounts = field(default_factory=ReplayCounts)
    resampled: str = field(init=False)

    def __post_init__(self) -> None:
        check_sensors(self.recording, self.network, skip_unknown=self.skip_unknown)
        self.resampled = resampled(self.recording, self.network)

    def extent(self, taken_until: datetime | None = None) -> tuple[datetime, datetime]:
        """First and last instant that is asked for and has a reading of use: a measure that ingest takes.

        It reads all of the file.

        Args:
            taken_until: the last instant that ingest takes; `None` where that is not to be judged.

        Raises:
            ConfigurationError: there is none, or something in the file is not what it should be.
        """
        use, last = self._use(taken_until)
        # As far as was asked for, where the file goes on so long.
        return use.first, self.end if self.end is not None and self.end <= last else use.last

    def use(self, taken_until: datetime | None = None) -> "Use":
        """What of the file is of use and what is not; args and errors as of `extent`."""
        return self._use(taken_until)[0]

    def _use(self, taken_until: datetime | None) -> tuple["Use", datetime]:
        use, columns = _Use(taken_until), _Columns(self.network)
        first = last = None
        for instant, step in timed_steps(self.recording, self.network):
            if instant is None:
                # A clock that skips the hour can have seen nothing in it.
                use.skipped_hour += int(np.count_nonzero(columns.known(step.sensor_ids) & self._heard(step)))
                continue
            first, last = first or instant, instant
            if (self.begin is None or instant >= self.begin) and (self.end is None or instant < self.end):
                known = columns.known(step.sensor_ids)
                faulty = unfit(step.speed_mph, step.volume_vehicles, step.occupancy, step.share_observed).out_of_range
                sent = known if self.missing is Missing.MARK else known & self._heard(step)
                use.add(instant, int(np.count_nonzero(sent)), int(np.count_nonzero(sent & ~faulty)))
        if first is None or last is None:
            raise ConfigurationError(f"{self.recording.path}: the table has no rows")
        if use.first is None or use.last is None:
            reason = f"it goes from {first.isoformat()} to {last.isoformat()}"
            if use.steps:
                reason = use.reason(zero_is_missing=self.recording.zero_is_missing)
            raise ConfigurationError(f"{self.recording.path}: nothing to replay, {reason}")
        return Use(use.first, use.last, use.ahead, use.skipped_hour), last

    def _heard(self, step: RecordedStep) -> Flags:
        """Which readings have a measure."""
        speed = np.asarray(step.speed_mph, dtype=np.float64)
        heard: Flags = ~np.isnan(speed)
        if self.recording.zero_is_missing:
            heard &= speed != 0.0
        for values in (step.volume_vehicles, step.occupancy):
            if values is not None:
                heard |= ~np.isnan(np.asarray(values, dtype=np.float64))
        return heard

    def deliveries(self) -> Iterator[Delivery]:
        """The events of the file, in its order. `counts` grows while they are taken."""
        for instant, step in timed_steps(self.recording, self.network):
            if instant is None:
                # A clock that skips the hour can have seen nothing in it.
                self.counts.skipped_hour += sum(not self._is_missing(speed) for speed in step.speed_mph)
                continue
            if self.end is not None and instant >= self.end:
                return
            if self.begin is None or instant >= self.begin:
                yield Delivery(instant, tuple(self._events(step, instant)))

    def _is_missing(self, speed: float) -> bool:
        return isnan(speed) or (self.recording.zero_is_missing and speed == 0.0)

    def _events(self, step: RecordedStep, instant: datetime) -> Iterator[TrafficEvent]:
        known, counts, network_id = self.network.index, self.counts, self.network.network_id
        suffix = f"@{instant:%Y-%m-%dT%H:%M:%SZ}"
        drop = self.missing is Missing.DROP
        # They are sent as the file has them: ingest rejects each with its reason.
        faulty = unfit(step.speed_mph, step.volume_vehicles, step.occupancy, step.share_observed).out_of_range
        for column, (name, speed) in enumerate(zip(step.sensor_ids, step.speed_mph, strict=True)):
            sensor_id = SensorId(name)
            if sensor_id not in known:
                counts.unknown_sensor += 1
                continue
            counts.read += 1
            counts.out_of_range += bool(faulty[column])
            observed_speed = None if self._is_missing(speed) else speed
            volume, occupancy = _value(step.volume_vehicles, column), _value(step.occupancy, column)
            if observed_speed is None and volume is None and occupancy is None:
                counts.missing += 1
                if drop:
                    continue
            yield TrafficEvent(
                event_id=name + suffix,
                network_id=network_id,
                sensor_id=sensor_id,
                timestamp=instant,
                speed_mph=observed_speed,
                volume_vehicles=volume,
                occupancy=occupancy,
                share_observed=_value(step.share_observed, column),
            )


class _Columns:
    """Which columns of a file are sensors of the network; most files have the same in every row."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._names: Sequence[str] | None = None
        self._known: Flags = np.zeros(0, dtype=np.bool_)

    def known(self, names: Sequence[str]) -> Flags:
        if names != self._names:
            self._names = names
            self._known = np.array([SensorId(name) in self._network.index for name in names], dtype=np.bool_)
        return self._known


@dataclass(frozen=True, slots=True)
class Use:
    """What of a file is of use.

    Attributes:
        first: instant of the first reading of use.
        last: of the last.
        ahead: readings in the future, which ingest rejects.
        skipped_hour: readings whose local times do not exist: they lie in the hour that daylight saving skips.
    """

    first: datetime
    last: datetime
    ahead: int
    skipped_hour: int

    def notes(self, zone: ZoneInfo) -> Iterator[str]:
        """What is left out of a file whose times are of `zone`, a line each."""
        if self.skipped_hour:
            yield (
                f"left out: {self.skipped_hour:,} readings at local times that do not exist, in an hour that "
                f"{zone.key} skips in spring; are the times in another zone, such as UTC? --time-zone says which"
            )
        if self.ahead:
            yield f"left out: {self.ahead:,} readings in the future, which ingest rejects"


@dataclass(slots=True)
class _Use:
    """Of what is asked for, the steps that are of use, and why the others are not."""

    taken_until: datetime | None
    steps: int = 0
    out_of_range: int = 0
    ahead: int = 0
    skipped_hour: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, instant: datetime, sent: int, fit: int) -> None:
        """Count the readings of a step that would be sent, and those of them that are within all ranges."""
        self.steps += 1
        self.out_of_range += sent - fit
        if self.taken_until is not None and instant > self.taken_until:
            self.ahead += fit
        elif fit:
            self.first, self.last = self.first or instant, instant

    def reason(self, *, zero_is_missing: bool) -> str:
        """Why nothing is of use."""
        if self.ahead:
            return f"its {self.ahead:,} readings are in the future: ingest would reject all of them"
        if self.out_of_range:
            return f"its {self.out_of_range:,} readings are out of range (speeds not within {SPEED})"
        return f"no reading in it has a value{' (0 means missing in a wide table)' if zero_is_missing else ''}"


def check_sensors(recording: ReadingsFile, network: Network, *, skip_unknown: bool) -> None:
    """Compare the sensors of a file with a network's; raises `ConfigurationError` saying what does not fit."""
    in_file = recording.sensor_ids()
    unknown = [name for name in in_file if SensorId(name) not in network.index]
    if len(unknown) == len(in_file):
        raise ConfigurationError(
            f"{recording.path}: none of its {len(in_file)} sensors is in network {network.network_id}: {_some(in_file)}"
        )
    if unknown and not skip_unknown:
        raise ConfigurationError(
            f"{recording.path}: {len(unknown)} of its {len(in_file)} sensors are not in network {network.network_id}: "
            f"{_some(unknown)}; --skip-unknown leaves them out"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_SENSORS} more" if len(names) > SHOWN_SENSORS else ""
    return ", ".join(names[:SHOWN_SENSORS]) + more


def _value(values: Sequence[float] | None, column: int) -> float | None:
    if values is None or isnan(value := values[column]):
        return None
    return value
