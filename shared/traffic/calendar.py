"""The calendar of a network: its public holidays, the days of its week, and the slots that its windows fall in. Pure.

Every part of the product that compares a moment with 'the same time' asks here, so that a holiday is a holiday for all
of them. A public holiday where the network is, the days on which one is observed included, counts as a Sunday. All is
on the local clock: on the day that daylight saving begins an hour of slots stays empty, on the day that it ends an hour
of windows falls in the slots of the hour before.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

import holidays
import numpy as np

from shared.events.errors import ConfigurationError
from shared.events.text import quoted
from shared.traffic.arrays import Integers
from shared.traffic.network import Network

Slots = TypeVar("Slots", int, Integers)

DAY_TYPES = 2
"""Working days; weekends and holidays."""
DAYS_IN_WEEK, HOURS, HALF_HOURS = 7, 24, 48
"""Hours and half hours of a day: the slots of tables that are coarser than windows."""
SATURDAY, SUNDAY = 5, 6


def checked_holidays(code: str) -> str:
    """Return `code`, a country or a subdivision of one as in ISO 3166 ('US', 'US-CA'), where its holidays are known.

    Raises:
        ConfigurationError: they are not.
    """
    country, dash, subdivision = code.partition("-")
    # Looked up before the library is asked: it takes a code for the name of whatever its module has.
    written_so = country in holidays.list_supported_countries() and bool(dash) is bool(subdivision)
    try:
        if written_so and _holidays(code) is not None:
            return code
    except NotImplementedError:
        # No such subdivision.
        pass
    raise ConfigurationError(
        f"holidays {quoted(code)}: not a country or subdivision of ISO 3166 whose holidays are known, as 'US-CA'"
    )


def slots_per_day(network: Network) -> int:
    """How many windows a day has."""
    return timedelta(days=1) // network.window


def day_of(network: Network, local: date) -> int:
    """Day of the week, 0 Monday to 6 Sunday; a public holiday where the network is counts as a Sunday."""
    if network.holidays is not None and local in _holidays(network.holidays):
        return SUNDAY
    return local.weekday()


def is_day_off(network: Network, local: date) -> bool:
    """Whether a day is a Saturday, a Sunday or a public holiday where the network is."""
    return day_of(network, local) >= SATURDAY


def day_slot(network: Network, local: datetime) -> int:
    """Which of the day's windows a local time falls in, from 0."""
    since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return since_midnight // network.window


def week_slot(network: Network, window_start: datetime) -> int:
    """Number of a window in the local week, 0 to 7 times `slots_per_day` less 1; Monday comes first."""
    local = window_start.astimezone(network.time_zone)
    return day_of(network, local.date()) * slots_per_day(network) + day_slot(network, local)


def day_type_slots(network: Network, window_starts: Iterable[datetime]) -> Integers:
    """The slot of each window in its type of day: a working day's slots come first, those of days off behind them."""
    per_day = slots_per_day(network)
    return np.array([day_type_slot(week_slot(network, start), per_day) for start in window_starts], dtype=np.intp)


def day_type_slot(week_slots: Slots, per_day: int) -> Slots:
    """The slot in its type of day, see `day_type_slots`, of a slot of the week, or of many."""
    day, slot = week_slots // per_day, week_slots % per_day
    return slot + per_day * (day >= SATURDAY)


def hours_of(slots: Integers, per_day: int) -> Integers:
    """The hour in its type of day of each slot, see `day_type_slots`: 0 to `DAY_TYPES` * `HOURS` - 1."""
    day_type, slot = np.divmod(slots, per_day)
    hours: Integers = day_type * HOURS + slot * HOURS // per_day
    return hours


def half_hours(days: Slots, day_slots: Slots, per_day: int) -> Slots:
    """The half hour of the week of days of the week and slots of the day: 0 to `DAYS_IN_WEEK` * `HALF_HOURS` - 1."""
    return days * HALF_HOURS + day_slots * HALF_HOURS // per_day


def half_hour_slot(network: Network, window_start: datetime) -> int:
    """The half hour of a window in its type of day: those of a working day come first, those of a day off behind."""
    per_day = slots_per_day(network)
    day, slot = divmod(week_slot(network, window_start), per_day)
    return day_type_slot(half_hours(day, slot, per_day), HALF_HOURS)


def days_of(network: Network, window_starts: Iterable[datetime]) -> Integers:
    """The day of the week of each window, see `day_of`."""
    days = [day_of(network, start.astimezone(network.time_zone).date()) for start in window_starts]
    return np.array(days, dtype=np.intp)


@lru_cache
def _holidays(code: str) -> holidays.HolidayBase:
    country, _, subdivision = code.partition("-")
    return holidays.country_holidays(country, subdiv=subdivision or None)
