"""Who is slow beside free neighbours: day and night, or for most of the small hours."""

import numpy as np
import pytest

from shared.traffic.health.always_slow import SlowHours, always_slow
from shared.traffic.neighbours import neighbours
from shared.traffic.roadway import roadway
from tests.kit.networks import along, network_of

PER_DAY = 288
DAYS, NIGHTS = 2.0 * PER_DAY, 2.0 * PER_DAY / 8
NETWORK = network_of(*along("I-10 E", ("a", "b", "c"), (0.0, 0.5, 1.0), 1 / 60, "Exit {number}", 4))


def doubted(day: float, night: float, around: float = 0.0) -> list[bool]:
    """Which of three sensors are doubted, where so much of the hours is slow at the middle one."""
    slow = np.array([around, day, around]) * DAYS
    nights = np.array([around, night, around]) * NIGHTS
    hours = SlowHours(np.full(3, DAYS), slow, np.full(3, NIGHTS), nights)
    found: list[bool] = always_slow(hours, neighbours(roadway(NETWORK), 3.0), PER_DAY).tolist()
    return found


@pytest.mark.parametrize(
    ("day", "night", "expected"), [(0.95, 0.0, True), (0.8, 0.0, False), (0.4, 0.7, True), (0.4, 0.6, False)]
)
def test_two_thirds_of_the_small_hours_are_enough(day: float, night: float, *, expected: bool) -> None:
    assert doubted(day, night) == [False, expected, False]


def test_where_the_road_around_is_slow_too_nobody_is_doubted() -> None:
    assert doubted(0.4, 0.8, around=0.6) == [False, False, False]
