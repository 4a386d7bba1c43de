"""When a simulation is worth watching. Pure."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

TUESDAY = 1
QUEUES_GROW = time(7, 15)
# A demo at sixty times the speed of the clock must not run into the future within two days of wall time.
WEEKS_BACK = timedelta(weeks=18)


def recent_workday(now: datetime, zone: ZoneInfo) -> datetime:
    """A Tuesday, 07:15 on the clock of `zone`, about four months before `now` (aware): the first queues are growing."""
    day = (now.astimezone(zone) - WEEKS_BACK).date()
    day -= timedelta(days=(day.weekday() - TUESDAY) % 7)
    return datetime.combine(day, QUEUES_GROW, zone).astimezone(UTC)
