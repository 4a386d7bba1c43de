"""When a simulation is worth watching. Pure."""

from datetime import UTC, datetime, time, timedelta

from shared.traffic.calendar import DAYS_IN_WEEK, is_day_off
from shared.traffic.network import Network

TUESDAY = 1
QUEUES_GROW = time(7, 15)
# A demo at sixty times the speed of the clock must not run into the future within two days of wall time.
WEEKS_BACK = timedelta(weeks=18)


def recent_workday(now: datetime, network: Network) -> datetime:
    """A Tuesday, 07:15 local time, about four months before `now` (aware): the first queues are growing.

    Not a public holiday where the network is.
    """
    day = (now.astimezone(network.time_zone) - WEEKS_BACK).date()
    day -= timedelta(days=(day.weekday() - TUESDAY) % DAYS_IN_WEEK)
    while is_day_off(network, day):
        day -= timedelta(days=DAYS_IN_WEEK)
    return datetime.combine(day, QUEUES_GROW, network.time_zone).astimezone(UTC)
