"""A budget of alarms that a network holds by itself, whatever its traffic is like. Pure.

Nobody tells a live service which of its alarms were false. What it can count is alarms. As nearly all evidence that
is strong at all comes from traffic that no log ever explains, a budget of alarms bounds that of false ones, from above.

How often which evidence comes is counted over a ladder of thresholds at once: at each rung, how many alarms it would
have raised, peaks over a threshold as in A. C. Davison and R. L. Smith, 'Models for exceedances over high thresholds'
(Journal of the Royal Statistical Society B 52, 1990), where what belongs together counts once. Old days fade. Before a
network has told enough, its counts are joined with those of other networks, which are shipped, as many sensor-days of
them as `PRIOR_SENSOR_DAYS` (the mean of a gamma distribution after Poisson counts). The threshold of a grade is where
that rate is its budget; it is corrected by what was spent: each alarm raises it a little, each quiet sensor-day lowers
it (stochastic approximation; as I. Gibbs and E. Candes, 'Adaptive conformal inference under distribution shift', 2021,
hold a rate whatever comes).
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from shared.traffic.arrays import Flags, Floats
from shared.traffic.health.rules import CountsOfWindows
from shared.traffic.roadway import Roadway

FALSE_ALARMS_PER_100_SENSOR_DAYS = 5.0
"""What ships."""
PROBABLE_SHARE = 0.2
"""The part of the budget that the upper grade may have."""
JOINED_MILES = 1.5
"""Evidence no further apart along a carriageway is of one cause."""
OVER_AFTER = timedelta(minutes=30)
"""What belongs to one cause is over when evidence was below `STILL_SHARE` of its peak for so long."""
STILL_SHARE = 0.5
RUNGS: Floats = np.geomspace(0.5, 256.0, 73)
# Evidence, and alarms per 100 sensor-days that it raises: the first parts of Orange, PEMS-BAY 16 and England north.
_SHIPPED_RUNGS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 256.0)
_SHIPPED_RATES = (500.0, 160.0, 65.0, 32.0, 20.0, 14.0, 10.0, 5.2, 2.9, 1.8, 1.0, 0.35, 1e-5)
PRIOR: Floats = np.exp(np.interp(np.log(RUNGS), np.log(_SHIPPED_RUNGS), np.log(_SHIPPED_RATES)))
PRIOR_SENSOR_DAYS = 150.0
MEMORY_DAYS = 14.0
SPENT_STEP = 0.02
"""By how much, as a logarithm, one alarm beyond the budget raises the threshold."""
MOST_CORRECTED = float(np.log(2.5))


class Grade(IntEnum):
    """How unusual the evidence of an incident is; in the order of the thresholds."""

    SUSPECTED = 0
    PROBABLE = 1

    @property
    def word(self) -> str:
        """As people read it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class Spending:
    """What a network has spent of its budget.

    Attributes:
        alarms: (rungs,) alarms that each rung of the ladder would have raised; old ones fade.
        sensor_days: days that its sensors were watched, faded alike.
        raised: (grades,) alarms that the thresholds of the time raised, faded alike.
        correction: (grades,) logarithm of what the thresholds are corrected by.
        peak: (sensors,) greatest evidence of what is going on there, 0 where nothing is.
        quiet: (sensors,) windows since the evidence was near that peak.
    """

    alarms: Floats
    sensor_days: float
    raised: Floats
    correction: Floats
    peak: npt.NDArray[np.float32]
    quiet: CountsOfWindows

    @classmethod
    def nothing(cls, sensors: int) -> "Spending":
        """Before the first window."""
        grades = len(Grade)
        zero = np.zeros(len(RUNGS)), 0.0, np.zeros(grades), np.zeros(grades)
        return cls(*zero, np.zeros(sensors, np.float32), np.zeros(sensors, np.int32))

    def rested(self) -> "Spending":
        """After a gap: nothing is known to go on."""
        return replace(self, peak=np.zeros_like(self.peak), quiet=np.zeros_like(self.quiet))

    @property
    def rates(self) -> Floats:
        """Alarms per 100 sensor-days at each rung: (rungs,), falling."""
        # The more a network has told itself, the less the others count.
        prior_days = PRIOR_SENSOR_DAYS / (1 + self.sensor_days / PRIOR_SENSOR_DAYS)
        # What passed a rung passed those below, be it that it did so in steps of which the first has faded more.
        alarms = np.maximum.accumulate(self.alarms[::-1])[::-1]
        rates: Floats = (100 * alarms + prior_days * PRIOR) / (self.sensor_days + prior_days)
        return rates

    def rate_of(self, score: float) -> float:
        """How many alarms per 100 sensor-days have evidence as strong as this."""
        return float(np.exp(np.interp(np.log(max(score, RUNGS[0])), np.log(RUNGS), np.log(self.rates))))

    def raised_per_100_sensor_days(self, grade: Grade) -> float | None:
        """What a grade has cost, `None` before a sensor-day was watched."""
        return None if self.sensor_days < 1 else float(100 * self.raised[grade] / self.sensor_days)


@dataclass(frozen=True, eq=False)
class AlarmBudget:
    """Holds `per_100_sensor_days` alarms of any grade on the sensors of a road; 0: raises none.

    Args:
        road: the layout of the network.
        per_100_sensor_days: the budget; the upper grade has `PROBABLE_SHARE` of it.
    """

    road: Roadway
    per_100_sensor_days: float = FALSE_ALARMS_PER_100_SENSOR_DAYS
    _first: npt.NDArray[np.intp] = field(init=False)
    _end: npt.NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        """Find out which sensors would see the same cause: in road order they lie side by side."""
        road, first, end = self.road, list[int](), list[int]()
        for number in range(len(road.road_names)):
            here = np.flatnonzero(road.road == number)
            miles = road.miles[here]
            first += (here[0] + np.searchsorted(miles, miles - JOINED_MILES, side="left")).tolist()
            end += (here[0] + np.searchsorted(miles, miles + JOINED_MILES, side="right")).tolist()
        object.__setattr__(self, "_first", np.array(first, dtype=np.intp))
        object.__setattr__(self, "_end", np.array(end, dtype=np.intp))

    def budget(self, grade: Grade) -> float:
        """Alarms per 100 sensor-days that a grade and those above it may cost."""
        return self.per_100_sensor_days * (PROBABLE_SHARE if grade is Grade.PROBABLE else 1.0)

    def thresholds(self, spending: Spending) -> Floats:
        """The evidence that raises an alarm of each grade: (grades,), rising; infinite where there is no budget."""
        if self.per_100_sensor_days <= 0:
            return np.full(len(Grade), np.inf)
        wanted = np.log([self.budget(grade) for grade in Grade])
        rates = np.log(spending.rates)
        # Beyond the ends of the ladder it is as rare or as frequent as there.
        level = np.interp(-wanted, -rates, np.log(RUNGS)) + spending.correction
        return np.maximum.accumulate(np.exp(level))

    def may_begin(self, spending: Spending, threshold: float) -> Flags:
        """Where an alarm would be of a new cause: (sensors,); elsewhere one near there had it already."""
        return ~self.near(spending.peak >= threshold)

    def near(self, flags: Flags) -> Flags:
        """Where any of these sensors would see the same cause: (sensors,) of (sensors,)."""
        near = np.zeros(len(flags), np.bool_)
        for position in np.flatnonzero(flags):
            near[self._first[position] : self._end[position]] = True
        return near

    def spent(self, spending: Spending, score: Floats, thresholds: Floats) -> Spending:
        """What is known after one more window.

        Args:
            spending: what was known before.
            score: (sensors,) evidence, NaN where there is none; that of sensors that are not believed is left out.
            thresholds: (grades,) that held in this window.
        """
        window_days = self.road.network.window / timedelta(days=1)
        told = np.isfinite(score)
        days = window_days * float(told.sum())
        kept = np.exp(-window_days / MEMORY_DAYS)
        evidence = np.where(told, score, 0.0).astype(np.float32)
        alarms, raised, peak = kept * spending.alarms, np.zeros(len(Grade)), spending.peak.copy()
        rising = np.flatnonzero((evidence > RUNGS[0]) & (evidence > peak))
        for position in rising[np.argsort(-evidence[rising], kind="stable")]:
            here = evidence[position]
            before = peak[self._first[position] : self._end[position]].max()
            if here > before:
                alarms = alarms + ((before < RUNGS) & (here >= RUNGS))
                raised = raised + ((before < thresholds) & (here >= thresholds))
            peak[position] = here
        still = told & (evidence >= STILL_SHARE * peak)
        quiet = np.where(still, 0, spending.quiet + told).astype(np.int32)
        over = quiet * (self.road.network.window / OVER_AFTER) >= 1
        expected = days / 100 * np.array([self.budget(grade) for grade in Grade])
        correction = spending.correction + SPENT_STEP * (raised - expected)
        return Spending(
            alarms,
            kept * spending.sensor_days + days,
            kept * spending.raised + raised,
            np.clip(correction, -MOST_CORRECTED, MOST_CORRECTED),
            np.where(over, np.float32(0), peak).astype(np.float32),
            np.where(over, 0, quiet).astype(np.int32),
        )
