"""The features of the tree models: one row for each origin and sensor, the same for every sensor of a network. Pure.

No feature names a sensor, so a forest fitted to some sensors serves others too. What is missing is NaN, which trees
send to the side of a split that their training found the better one.
"""

from dataclasses import dataclass

import numpy as np

from shared.forecasting.inputs.history import LAGS, View, last_known
from shared.forecasting.inputs.links import Linked, sides_of
from shared.traffic.arrays import Compact, Flags, Floats, Integers
from shared.traffic.calendar import slots_per_day
from shared.traffic.network import Network
from shared.traffic.usual.deviations import KINDS, UsualDeviations

AGES = (0, 1, 2, 3, 5, 8)
"""Of which windows neighbours tell, counted back from the last one."""
NEAREST = 2
NETWORK_AGES = (0, 3, 8)
AHEAD = (2, 5, 8, 11)
DEVIATION_STEPS = (0, 3, 6, 12)
"""Of which windows the usual deviations tell, counted from the last one on."""
SLOW_MPH = 10.0
"""A sensor so far below its usual speed counts as slow."""
FREE_FLOW, LOW = 0.85, 0.05
"""Quantiles of a sensor's profile."""
HOURS = 24.0

_SIDES = ("downstream", "upstream")
NAMES: tuple[str, ...] = (
    *(f"deviation_{age}" for age in range(LAGS)),
    *("speed", "usual", "age", "observed", "mean", "change_2", "change_5", "lowest", "highest"),
    *(f"{side}_{age}" for side in _SIDES for age in AGES),
    *(f"{side}_{rank}_{age}" for side in _SIDES for rank in range(1, NEAREST + 1) for age in AGES[:4]),
    *(f"{side}_{what}" for side in _SIDES for what in ("lowest", "beyond", "beyond_3")),
    *(f"network_{age}" for age in NETWORK_AGES),
    *(f"carriageway_{age}" for age in NETWORK_AGES),
    *("network_slow", "carriageway_slow"),
    *(f"ahead_{step + 1}" for step in AHEAD),
    *("ahead_lowest", "time", "day", "free_flow", "low", "spread"),
    *(f"{kind}_{step}" for step in DEVIATION_STEPS for kind in KINDS),
)
COUNT = len(NAMES)


@dataclass(frozen=True, slots=True, eq=False)
class Tabular:
    """Makes features of the views of one network.

    `sides` are the neighbours downstream and upstream; `free_flow_mph` (N,) is what is usual where nothing is in the
    way, `statistics` (3, N) are that, the low end and the spread of each sensor's profile in mph.
    """

    network: Network
    sides: tuple[Linked, Linked]
    roads: "_Roads"
    free_flow_mph: Floats
    statistics: Floats

    @classmethod
    def of(cls, network: Network, profile_mph: Floats) -> "Tabular":
        """For a network whose profile is (slots of both day types, N) mph, without NaN."""
        sides = sides_of(network)
        order = {road: place for place, road in enumerate(network.carriageways)}
        roads = _Roads.of(np.array([order[sensor.road_name] for sensor in network.sensors], dtype=np.intp))
        low, free_flow = np.quantile(profile_mph, (LOW, FREE_FLOW), axis=0)
        statistics = np.stack([free_flow, low, profile_mph.std(axis=0)])
        return cls(network, (sides.downstream, sides.upstream), roads, free_flow, statistics)

    def deviations(self, deviations: UsualDeviations, view: View) -> Compact:
        """Of the windows that features look at: (B, steps, kinds, N)."""
        return deviations.ahead(view.times, view.days, slots_per_day(self.network), DEVIATION_STEPS)

    def features(self, view: View, deviations: Compact) -> Compact:
        """Of every sensor at every origin of the view: (B, N, COUNT), in the order of `NAMES`.

        Args:
            view: of B origins.
            deviations: of the same, (B, steps, kinds, N), as `deviations` has them; NaN where unknown.
        """
        seen = view.seen
        deviation = view.deviation_mph
        rows: Compact = np.empty((*view.ahead_mph.shape[::2], COUNT), dtype=np.float32)
        column = iter(range(COUNT))

        def add(*values: Floats) -> None:
            for each in values:
                rows[..., next(column)] = each

        marked = np.where(seen, deviation, np.nan)
        add(*(marked[:, LAGS - 1 - age] for age in range(LAGS)))
        add(*_own(view, deviation, seen))
        ages = [LAGS - 1 - age for age in AGES]
        for side in self.sides:
            add(*np.moveaxis(side.mean(deviation[:, ages], seen[:, ages]), 1, 0))
        for side in self.sides:
            for rank in range(NEAREST):
                nearest = np.where(side.weights[:, rank] > 0, marked[:, :, side.rows[:, rank]], np.nan)
                add(*(nearest[:, at] for at in ages[:4]))
        for side in self.sides:
            add(*_beyond(side, deviation, seen))
        add(*self._wide(deviation, seen))
        change = view.ahead_mph - view.usual_mph[:, -1:]
        add(*(change[:, step] for step in AHEAD), change.min(axis=1))
        hours: Floats = view.times[:, None].astype(np.float64) * (HOURS / slots_per_day(self.network))
        add(hours, view.days[:, None].astype(np.float64))
        add(*self.statistics)
        rows[..., -len(DEVIATION_STEPS) * len(KINDS) :] = deviations.reshape(len(rows), -1, rows.shape[1]).transpose(
            0, 2, 1
        )
        return rows

    def _wide(self, deviation: Floats, seen: Flags) -> list[Floats]:
        at = [LAGS - 1 - age for age in NETWORK_AGES]
        values, known = deviation[:, at], seen[:, at].astype(np.float64)
        slow = (values[:, :1] < -SLOW_MPH) * known[:, :1]
        values, known = np.concatenate([values, slow], axis=1), np.concatenate([known, known[:, :1]], axis=1)
        whole = _ratio(values.sum(axis=2, keepdims=True), known.sum(axis=2, keepdims=True))
        road = self.roads.spread(_ratio(self.roads.sums(values), self.roads.sums(known)))
        *network, network_slow = np.moveaxis(whole, 1, 0)
        *carriageway, carriageway_slow = np.moveaxis(road, 1, 0)
        return [*network, *carriageway, network_slow, carriageway_slow]


@dataclass(frozen=True, slots=True, eq=False)
class _Roads:
    """Which carriageway each sensor is on: `place` (N,), each of 0 to the last at least once."""

    place: Integers
    order: Integers
    starts: Integers

    @classmethod
    def of(cls, place: Integers) -> "_Roads":
        order = np.argsort(place, kind="stable")
        return cls(place, order, np.searchsorted(place[order], np.arange(place.max() + 1)))

    def sums(self, values: Floats) -> Floats:
        """Over the sensors of each carriageway: (…, N) to (…, carriageways)."""
        return np.add.reduceat(values[..., self.order], self.starts, axis=-1)

    def spread(self, values: Floats) -> Floats:
        """To the sensors of each carriageway: (…, carriageways) to (…, N)."""
        return values[..., self.place]


def _own(view: View, deviation: Floats, seen: Flags) -> tuple[Floats, ...]:
    last, age = last_known(view)
    observed = np.count_nonzero(seen, axis=1).astype(np.float64)
    usual = view.usual_mph[:, -1]
    filled = np.where(seen, view.speed_mph, np.nan)
    known = observed > 0
    return (
        usual + last,
        usual,
        age,
        observed,
        _ratio(deviation.sum(axis=1), observed),
        filled[:, -1] - filled[:, -3],
        filled[:, -1] - filled[:, -6],
        np.where(known, np.min(filled, axis=1, initial=np.inf, where=seen), np.nan),
        np.where(known, np.max(filled, axis=1, initial=-np.inf, where=seen), np.nan),
    )


def _beyond(side: Linked, deviation: Floats, seen: Flags) -> tuple[Floats, Floats, Floats]:
    now, heard = deviation[:, [-1, -4]], seen[:, [-1, -4]]
    around = side.mean(now, heard)
    beyond = side.mean(around, np.ones_like(heard))
    lowest = np.min(
        np.where(side.weights > 0, np.where(heard[:, 0], now[:, 0], 0.0)[:, side.rows], 0.0), axis=-1, initial=0.0
    )
    return lowest, beyond[:, 0], beyond[:, 1]


def _ratio(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)
