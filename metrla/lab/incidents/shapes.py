"""How real disturbances look: how deep speed falls, how fast, how far upstream, how it comes back. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from metrla.lab.incidents.truth import LONGEST_MINUTES, Disturbance, Roadside
from shared.traffic.arrays import Floats

UPSTREAM_MILES = 8.0
SLOWED_SHARE = 0.8
"""Of the usual speed: below it traffic is slowed, above it has recovered."""
NEAR_LOWEST = 0.1
LOWEST_WITHIN_MINUTES = 90.0
STEPS = 9
"""How many kinds of disturbances, by depth, are told apart."""


@dataclass(frozen=True, slots=True)
class DisturbanceShape:
    """One kind of disturbance. Minutes are from the onset to the lowest speed, there, and back to the usual.

    `lowest_share` is of the usual speed, `extent_miles` how far upstream traffic is slowed.
    """

    lowest_share: float
    lowest_mph: float
    fall_minutes: float
    hold_minutes: float
    recovery_minutes: float
    extent_miles: float


def shape_of(scene: Roadside, one: Disturbance) -> DisturbanceShape | None:
    """The shape of a disturbance as its sensors saw it; `None` where they saw too little."""
    begin, last = one.onset_window, min(one.onset_window + scene.windows_in(LONGEST_MINUTES), len(scene.speed_mph))
    watching = np.array(sorted(one.positions))
    with np.errstate(invalid="ignore"):
        share = scene.speed_mph[begin:last] / scene.usual_mph[begin:last]
    here = share[: scene.windows_in(LOWEST_WITHIN_MINUTES), watching]
    if not np.isfinite(here).any():
        return None
    at, column = np.unravel_index(np.nanargmin(here), here.shape)
    worst = int(watching[column])
    lowest = float(here[at, column])
    if lowest >= SLOWED_SHARE:
        return None
    along = share[:, worst]
    near = along <= lowest + NEAR_LOWEST * (1 - lowest)
    fall = int(near.argmax()) + 1
    held = np.flatnonzero(near)
    held_until = int(held[held <= at + scene.windows_in(60)].max()) + 1
    back = np.flatnonzero(along[held_until:] >= SLOWED_SHARE)
    recovery = (int(back[0]) if back.size else len(along) - held_until) + 1
    road, mile = one.road_name, float(scene.road.miles[worst])
    upstream = scene.watching(road, mile, UPSTREAM_MILES, 0.0)[::-1]
    slowed = np.array([bool((share[:, position] < SLOWED_SHARE).sum() > 1) for position in upstream])
    count = int(slowed.argmin()) if not slowed.all() else len(slowed)
    miles = float(scene.road.length_miles[upstream[: max(count, 1)]].sum())
    minutes = scene.window_minutes
    mph = float(scene.speed_mph[begin + at, worst])
    return DisturbanceShape(lowest, mph, fall * minutes, (held_until - fall) * minutes, recovery * minutes, miles)


def kinds_of(scene: Roadside, disturbances: Sequence[Disturbance]) -> tuple[DisturbanceShape, ...]:
    """The kinds of these disturbances, deepest first: the medians of as many equal groups; none where there are few."""
    found = [shape for one in disturbances if (shape := shape_of(scene, one)) is not None]
    if len(found) < STEPS:
        return ()
    found.sort(key=lambda shape: shape.lowest_share)
    groups = np.array_split(np.array([list(asdict(shape).values()) for shape in found]), STEPS)
    return tuple(DisturbanceShape(*(round(float(value), 2) for value in np.median(group, axis=0))) for group in groups)


def share_at(shape: DisturbanceShape, minutes: Floats, upstream_miles: float) -> Floats:
    """What is left of the speed so many minutes after the onset, so far upstream of its place: shares, 1 at most.

    The queue grows upstream while it lasts, so that traffic farther back slows later and less; downstream none slows.
    """
    reach = upstream_miles / max(shape.extent_miles, 1e-9)
    if not 0 <= reach <= 1:
        return np.ones_like(minutes)
    begin = reach * (shape.fall_minutes + shape.hold_minutes / 2)
    falling = (minutes - begin) / shape.fall_minutes
    recovered = (minutes - shape.fall_minutes - shape.hold_minutes) / shape.recovery_minutes
    depth = (1 - shape.lowest_share) * (1 - reach / 2)
    share: Floats = 1 - depth * np.clip(np.minimum(falling, 1 - recovered), 0.0, 1.0)
    return share
