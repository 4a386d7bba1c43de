"""Local clock time to UTC, daylight saving included. Pure."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


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

    def to_utc(self, local: datetime) -> datetime | None:
        """The instant of a naive local time; `None` for a time in the hour that the clock skips in spring."""
        first, second = (local.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
        if first is None or second is None:
            raise ValueError(f"{self._zone} has no offset at {local}")
        if first < second:
            return None
        if first == second:
            self._fold = 0
        elif self._last is not None and local < self._last:
            self._fold = 1
        self._last = local
        return (local - (second if self._fold else first)).replace(tzinfo=UTC)
