"""Times of files to UTC: local clock time, daylight saving included, and times with an offset. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from metrla.data.feeds.files.readings_file import ReadingsFile, RecordedStep
from shared.events.errors import ConfigurationError
from shared.traffic.network import Network


class LocalClock:
    """Reads the times of a file in their order and says which instants they are.

    In the hour that the clock runs twice in autumn, times are daylight saving time until the file steps back, standard
    time from there on. A file with that hour only once is read as daylight saving time: nothing in it says otherwise.

    Args:
        zone: the time zone of the file.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._last: datetime | None = None
        self._fold = 0

    def to_utc(self, time: datetime) -> datetime | None:
        """The instant of a time; `None` for a local (naive) one in the hour that the clock skips in spring."""
        if time.tzinfo is not None:
            return time.astimezone(UTC)
        first, second = (time.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
        if first is None or second is None:
            raise ValueError(f"{self._zone} has no offset at {time}")
        if first < second:
            return None
        if first == second:
            self._fold = 0
        elif self._last is not None and time < self._last:
            self._fold = 1
        self._last = time
        return (time - (second if self._fold else first)).replace(tzinfo=UTC)


def zone_of_times(recording: ReadingsFile, network: Network) -> ZoneInfo:
    """The zone of those times of a file that have no offset."""
    return recording.reading.zone or network.time_zone


class _Order:
    """Holds a file to one order of time, each time once."""

    def __init__(self, recording: ReadingsFile, network: Network) -> None:
        self._path, self._clock = recording.path, LocalClock(zone_of_times(recording, network))
        self._newest: tuple[datetime, datetime] | None = None
        self._aware: bool | None = None

    def instant(self, time: datetime) -> datetime | None:
        aware = time.tzinfo is not None
        if self._aware is not None and aware is not self._aware:
            raise ConfigurationError(f"{self._path}: some of its times have an offset and some, as {time}, have none")
        self._aware = aware
        instant = self._clock.to_utc(time)
        if instant is None:
            return None
        if self._newest is not None and instant <= self._newest[0]:
            before = self._newest[1]
            fault = (
                f"the time {time} is there twice" if time == before else f"its times go back from {before} to {time}"
            )
            raise ConfigurationError(f"{self._path}: {fault}; a file of readings is in the order of time")
        self._newest = instant, time
        return instant


def timed_steps(recording: ReadingsFile, network: Network) -> Iterator[tuple[datetime | None, RecordedStep]]:
    """The steps of a file, each with its instant (UTC), `None` in the hour that the clock skips.

    Raises:
        ConfigurationError: times are not clearly times, go back, or are there twice.
    """
    order = _Order(recording, network)
    for step in recording.steps():
        yield order.instant(step.time), step
