"""Times as JSON feeds write them become instants in UTC. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds March 1973.
LEAST_MILLISECONDS = 100_000_000_000

AUTO, ISO, EPOCH_S, EPOCH_MS = "auto", "iso", "epoch_s", "epoch_ms"
NAMED_FORMATS = (AUTO, ISO, EPOCH_S, EPOCH_MS)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a feed writes its times.

    `pattern` is `auto` (ISO 8601, or a number of seconds or milliseconds since 1970 by its size), `iso`, `epoch_s`,
    `epoch_ms` or a pattern of `datetime.strptime`. `time_zone` is that of times without an offset; without it they are
    refused. Of a local time that a clock shows twice when daylight saving ends, the first is taken.
    """

    pattern: str = AUTO
    time_zone: ZoneInfo | None = None

    def read(self, value: object) -> datetime:
        """The instant in UTC; raises `ValueError` with one sentence where `value` is no time of this format."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{value!r} is no time")  # noqa: TRY004  one error for every value that is no time
        if self.pattern in {EPOCH_S, EPOCH_MS}:
            return _since_epoch(float(value), milliseconds=self.pattern == EPOCH_MS)
        if not isinstance(value, str):
            if self.pattern == AUTO:
                return _since_epoch(value, milliseconds=abs(value) >= LEAST_MILLISECONDS)
            raise ValueError(f"{value!r} is no text of the format {self.pattern}")
        if self.pattern in {AUTO, ISO}:
            return self._utc(datetime.fromisoformat(value.strip()))
        return self._utc(datetime.strptime(value.strip(), self.pattern))  # noqa: DTZ007  _utc gives or demands the zone

    def _utc(self, time: datetime) -> datetime:
        try:
            if time.tzinfo is not None:
                return time.astimezone(UTC)
            if self.time_zone is None:
                raise ValueError(f"{time.isoformat()} has no UTC offset, and no time zone is configured")
            instant = time.replace(tzinfo=self.time_zone).astimezone(UTC)
            if instant.astimezone(self.time_zone).replace(tzinfo=None) != time:
                raise ValueError(f"{time.isoformat()} does not exist in {self.time_zone}: clocks went forward over it")
        except OverflowError as beyond:
            raise ValueError(f"{time.isoformat()} is beyond the calendar") from beyond
        return instant


def _since_epoch(number: float, *, milliseconds: bool) -> datetime:
    try:
        # Through whole milliseconds, the precision of the log, so that 0.1 s does not become 0.09999 s.
        return EPOCH + timedelta(milliseconds=round(number if milliseconds else number * 1_000))
    except (OverflowError, ValueError) as beyond:
        raise ValueError(f"{number!r} is no time since 1970") from beyond
