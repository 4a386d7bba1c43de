"""How much traffic wants to go: by local clock, day of the week and direction. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import numpy as np

from metrla.data.simulation.roads import CellRow
from shared.traffic.arrays import Floats
from shared.traffic.calendar import DAYS_IN_WEEK, SATURDAY, is_day_off
from shared.traffic.network import Network

# Demand as a share of a carriageway's capacity, at hours of the local clock: the shape of loop data in Los Angeles.
HOURS = (0, 2, 3, 4, 5, 6, 7, 9, 10, 12, 14, 15, 18, 19, 20, 22, 24)
WORKDAY = (0.20, 0.11, 0.10, 0.17, 0.40, 0.66, 0.74, 0.72, 0.68, 0.68, 0.72, 0.76, 0.76, 0.66, 0.54, 0.38, 0.20)
WEEKEND = (0.30, 0.20, 0.14, 0.11, 0.13, 0.20, 0.30, 0.50, 0.61, 0.74, 0.77, 0.76, 0.70, 0.64, 0.55, 0.44, 0.30)

MORNING_HOUR, MORNING_WIDTH_HOURS = 7.9, 1.05
EVENING_HOUR, EVENING_WIDTH_HOURS = 17.1, 1.45
# What a peak adds in the direction that commuters take, and in the other one.
WITH_THE_PEAK, AGAINST_THE_PEAK = 0.25, 0.09

WEEKDAY_FACTOR = (0.985, 1.0, 1.01, 1.015, 0.99, 1.0, 0.93)
DAY_SPREAD, ROAD_SPREAD = 0.018, 0.022

TUESDAY = 1
QUEUES_GROW = time(7, 15)
# A demo at sixty times the speed of the clock must not run into the future within two days of wall time.
WEEKS_BACK = timedelta(weeks=18)


def demand_shares(
    local_times: Sequence[datetime], roads: Sequence[CellRow], weekday: int, rng: np.random.Generator
) -> Floats:
    """Wanted flow as a share of capacity.

    Args:
        local_times: instants on the local clock of the network.
        roads: the carriageways that want traffic.
        weekday: day of the week whose traffic it is, 0 Monday to 6 Sunday; a public holiday is a Sunday.
        rng: draws how this day and each of its carriageways differ from the usual.

    Returns:
        Shares, times x carriageways.
    """
    hours = np.array([local.hour + local.minute / 60 + local.second / 3600 for local in local_times])
    usual = np.interp(hours, HOURS, WEEKEND if weekday >= SATURDAY else WORKDAY)
    shares = np.repeat(usual[:, None], len(roads), axis=1)
    if weekday < SATURDAY:
        inbound = np.array([road.inbound for road in roads])
        strength = np.array([road.peak_strength for road in roads])
        morning = np.exp(-0.5 * ((hours - MORNING_HOUR) / MORNING_WIDTH_HOURS) ** 2)[:, None]
        evening = np.exp(-0.5 * ((hours - EVENING_HOUR) / EVENING_WIDTH_HOURS) ** 2)[:, None]
        shares += morning * strength * np.where(inbound, WITH_THE_PEAK, AGAINST_THE_PEAK)
        shares += evening * strength * np.where(inbound, AGAINST_THE_PEAK, WITH_THE_PEAK)
    today = WEEKDAY_FACTOR[weekday] * np.exp(rng.normal(0, DAY_SPREAD))
    wanted: Floats = shares * today * np.exp(rng.normal(0, ROAD_SPREAD, size=len(roads)))
    return wanted


def recent_workday(now: datetime, network: Network) -> datetime:
    """A Tuesday, 07:15 local time, about four months before `now` (aware): the first queues are growing.

    Not a public holiday where the network is.
    """
    day = (now.astimezone(network.time_zone) - WEEKS_BACK).date()
    day -= timedelta(days=(day.weekday() - TUESDAY) % DAYS_IN_WEEK)
    while is_day_off(network, day):
        day -= timedelta(days=DAYS_IN_WEEK)
    return datetime.combine(day, QUEUES_GROW, network.time_zone).astimezone(UTC)
