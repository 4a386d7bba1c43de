"""How good the estimates of durations are: fitted on tuning days, judged on the rest."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from metrla.lab.incidents.truth import LoggedIncident
from shared.alerts.lifecycle.duration import Estimate, estimate
from shared.events.records import AlertId, AlertType, TrafficAlert
from shared.traffic.arrays import Floats

AGES_MINUTES = (0.0, 30.0)
UPDATE_AGES = (0.0, 5.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 360.0)
UPDATE_QUANTILES = (0.05, 0.5, 0.95)
COVERAGE = 0.9
TAILS = (0.05, 0.045, 0.04, 0.035, 0.03, 0.025, 0.02, 0.015, 0.01)
TABLE = 40
SHRINK_TO = 30
KINDS = {
    "injury": ("1179", "1180", "1181", "1141"),
    "collision": ("1182", "1183", "collision", "trfc", "hit and run", "car fire", "cfire", "sig alert"),
}
OTHER = "other"

DurationTables = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Spell:
    """One duration: when it began (minutes from the first window), how long it lasted, its stratum and its place."""

    start_minutes: float
    minutes: float
    stratum: str
    place: str


@dataclass(frozen=True, slots=True)
class DurationFigures:
    """Estimates at one age against what came; minutes. The naive estimate is the median of all tuning durations."""

    age_minutes: float
    count: int
    median_absolute_error: float
    naive_median_absolute_error: float
    naive_given_age_median_absolute_error: float
    coverage: float
    median_width: float


@dataclass(frozen=True, slots=True)
class DurationReport:
    """What was fitted on the tuning days, and the figures of the others."""

    tables: Mapping[str, tuple[float, ...]]
    tail: float
    figures: tuple[DurationFigures, ...]


def kind_of(description: str) -> str:
    """The kind of a logged incident: 'injury', 'collision' or 'other'."""
    words = description.casefold()
    return next((kind for kind, marks in KINDS.items() if any(mark in words for mark in marks)), OTHER)


def logged_spells(log: Sequence[LoggedIncident]) -> list[Spell]:
    """Logged incidents whose duration is known, by kind; the kind serves as their place, too."""
    return [
        Spell(row.start_minutes, row.duration_minutes, "all", kind_of(row.description))
        for row in log
        if row.duration_minutes is not None
    ]


def judge_durations(spells: Sequence[Spell], split_minutes: float) -> DurationReport | None:
    """Tables and tail from spells that end before the split, figures of those that begin after it.

    `None` where there are fewer than ten of either.
    """
    ordered = sorted(spells, key=lambda one: one.start_minutes)
    tuning = [one for one in ordered if one.start_minutes + one.minutes < split_minutes]
    test = [one for one in ordered if one.start_minutes >= split_minutes]
    if min(len(tuning), len(test)) < 10:  # noqa: PLR2004 - nine say nothing of a 90 % interval
        return None
    tail = _covering(tuning)
    tables = fitted_tables(tuning)
    return DurationReport(tables, tail, tuple(_figures(tables, tail, tuning, test, age) for age in AGES_MINUTES))


def fitted_tables(spells: Sequence[Spell]) -> dict[str, tuple[float, ...]]:
    """For each stratum `TABLE` durations, equally likely; those of all spells count as `SHRINK_TO` more in each."""
    everything = np.array([one.minutes for one in spells])
    pool = _quantiles(everything, SHRINK_TO)
    found: dict[str, list[float]] = defaultdict(list)
    for one in spells:
        found[one.stratum].append(one.minutes)
    return {
        stratum: tuple(_quantiles(np.concatenate([minutes, pool]), TABLE).round(1).tolist())
        for stratum, minutes in sorted(found.items())
    }


def _quantiles(minutes: Floats, count: int) -> Floats:
    quantiles: Floats = np.quantile(minutes, (np.arange(count) + 0.5) / count)
    return quantiles


def _covering(tuning: Sequence[Spell]) -> float:
    """The widest tail that still covers on a later part of the tuning days, at every age: three parts, one left out."""
    edges = np.quantile([one.start_minutes for one in tuning], [0.0, 1 / 3, 2 / 3, 1.0])
    folds = []
    for first, last in pairwise(edges):
        inside = [one for one in tuning if first <= one.start_minutes < last]
        outside = [one for one in tuning if not first <= one.start_minutes < last]
        folds.append((fitted_tables(outside), outside, inside))
    for tail in TAILS:
        covered = []
        for age in AGES_MINUTES:
            pairs = [pair for tables, known, left in folds for pair in _estimates(tables, tail, known, left, age)]
            covered.append(np.mean([_covers(said, came) for said, came in pairs]) if pairs else 1.0)
        if min(covered) >= COVERAGE:
            return tail
    return TAILS[-1]


def _figures(
    tables: DurationTables, tail: float, tuning: Sequence[Spell], test: Sequence[Spell], age: float
) -> DurationFigures:
    pairs = _estimates(tables, tail, tuning, test, age)
    came = np.array([minutes for _, minutes in pairs])
    before = np.array([one.minutes for one in tuning])

    def wrong(said: Floats | float) -> float:
        return float(np.median(np.abs(came - said))) if came.size else float("nan")

    longer = before[before > age] if age else before
    return DurationFigures(
        age_minutes=age,
        count=len(pairs),
        median_absolute_error=wrong(np.array([said.median_minutes for said, _ in pairs])),
        naive_median_absolute_error=wrong(float(np.median(before))),
        naive_given_age_median_absolute_error=wrong(float(np.median(longer)) if longer.size else age),
        coverage=float(np.mean([_covers(*pair) for pair in pairs])) if pairs else float("nan"),
        median_width=float(np.median([said.upper_minutes - said.lower_minutes for said, _ in pairs])) if pairs else 0.0,
    )


def _estimates(
    tables: DurationTables, tail: float, known: Sequence[Spell], asked: Sequence[Spell], age: float
) -> list[tuple[Estimate, float]]:
    """Estimates at an age and what came; what ended at a place before a spell reached that age is known to it."""
    past = _Past([*known, *asked])
    pairs = []
    for one in asked:
        if one.minutes > age or not age:
            prior = tables.get(one.stratum) or next(iter(tables.values()))
            pairs.append((estimate(prior, past.at(one), age, tail), one.minutes))
    return pairs


def _covers(said: Estimate, came: float) -> bool:
    return said.lower_minutes <= came <= said.upper_minutes


class _Past:
    def __init__(self, spells: Sequence[Spell]) -> None:
        self._ended: dict[str, list[Spell]] = defaultdict(list)
        for one in sorted(spells, key=_end):
            self._ended[one.place].append(one)

    def at(self, asked: Spell) -> list[float]:
        """Durations at this place that had ended when this one began."""
        ended = self._ended[asked.place]
        first = np.searchsorted([_end(one) for one in ended], asked.start_minutes, side="right")
        return [one.minutes for one in ended[:first] if one is not asked]


_end: Callable[[Spell], float] = lambda one: one.start_minutes + one.minutes  # noqa: E731 - a key, named


@dataclass(frozen=True, slots=True)
class UpdateFigures:
    """Estimates that alerts told at ages from `from_minutes` to before `to_minutes`, against what came; minutes.

    `pinball` is the mean pinball loss of the 5, 50 and 95 % quantile of what was left, `naive_pinball` that of the
    naive survivor: the same quantiles of the tuning alerts that reached the age. `too_long` is the share of medians
    beyond what came.
    """

    from_minutes: float
    to_minutes: float
    count: int
    pinball: float
    naive_pinball: float
    median_absolute_error: float
    naive_median_absolute_error: float
    coverage: float
    naive_coverage: float
    median_width: float
    too_long: float


def judge_updates(log: Sequence[TrafficAlert], split: datetime) -> list[UpdateFigures]:
    """Estimates as operators saw them: of every raised and updated state of congestion alerts raised from `split` on.

    What was merged into another alert has no duration of its own and is left out, as are alerts that are active still.

    Args:
        log: every state of the alerts, in the order in which they were written.
        split: the naive survivor knows those cleared before it.
    """
    states: dict[AlertId, list[TrafficAlert]] = defaultdict(list)
    for alert in log:
        if alert.alert_type is AlertType.CONGESTION and alert.expected_at is None:
            states[alert.alert_id].append(alert)
    lasted = {
        alert_id: _minutes(each[0].raised_at, each[-1].updated_at)
        for alert_id, each in states.items()
        if not each[-1].active and not any(other in each[-1].message for other in states if other != alert_id)
    }
    known = np.array([lasted[one] for one in lasted if states[one][-1].updated_at < split])
    told = [
        (_minutes(state.raised_at, state.updated_at), state, lasted[alert_id])
        for alert_id, each in states.items()
        if alert_id in lasted and each[0].raised_at >= split
        for state in each[:-1]
        if state.estimated_duration_minutes is not None
    ]
    bins = pairwise((*UPDATE_AGES, np.inf))
    figures = (_update_figures(known, told, first, last) for first, last in bins)
    return [each for each in figures if each is not None]


def _update_figures(
    known: Floats, told: Sequence[tuple[float, TrafficAlert, float]], first: float, last: float
) -> UpdateFigures | None:
    ours, naive, left = list[list[float]](), list[Floats](), list[float]()
    for age, state, came in told:
        beyond = known[known > age] - age
        if not first <= age < last or not beyond.size:
            continue
        bounds = state.estimated_duration_lower_minutes, state.estimated_duration_minutes
        ours.append([(value or 0.0) - age for value in (*bounds, state.estimated_duration_upper_minutes)])
        naive.append(np.quantile(beyond, UPDATE_QUANTILES))
        left.append(came - age)
    if not left:
        return None
    said, survivor, came_left = np.array(ours), np.array(naive), np.array(left)
    return UpdateFigures(
        from_minutes=first,
        to_minutes=last,
        count=len(left),
        pinball=_pinball(said, came_left),
        naive_pinball=_pinball(survivor, came_left),
        median_absolute_error=float(np.median(np.abs(said[:, 1] - came_left))),
        naive_median_absolute_error=float(np.median(np.abs(survivor[:, 1] - came_left))),
        coverage=float(np.mean((said[:, 0] <= came_left) & (came_left <= said[:, 2]))),
        naive_coverage=float(np.mean((survivor[:, 0] <= came_left) & (came_left <= survivor[:, 2]))),
        median_width=float(np.median(said[:, 2] - said[:, 0])),
        too_long=float(np.mean(said[:, 1] > came_left)),
    )


def _pinball(said: Floats, came: Floats) -> float:
    over = came[:, None] - said
    levels = np.array(UPDATE_QUANTILES)
    return float(np.maximum(levels * over, (levels - 1) * over).mean())


def _minutes(first: datetime, last: datetime) -> float:
    return (last - first) / timedelta(minutes=1)
