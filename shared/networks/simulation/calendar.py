"""When a simulation is worth watching. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

TUESDAY = 1
BEFORE_THE_PEAK = time(6, 45)
# A demo at sixty times the speed of the clock must not run into the future within two days of wall time.
WEEKS_BACK = timedelta(weeks=18)


def recent_workday(now: datetime, zone: ZoneInfo) -> datetime:
    """A Tuesday, 06:45 on the clock of `zone`, about four months before `now` (aware): half an hour before the peak."""
    day = (now.astimezone(zone) - WEEKS_BACK).date()
    day -= timedelta(days=(day.weekday() - TUESDAY) % 7)
    return datetime.combine(day, BEFORE_THE_PEAK, zone).astimezone(UTC)
