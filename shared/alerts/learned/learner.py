"""What one more step teaches about a network, and which alarms it raises. Pure.

The detector is the forecast residual behind the health rules (`detection/`). How sensitive it is follows from a budget
of alarms, which the network holds by itself (`detection/budget`): evidence is divided by the scale of its sensor, and
an alarm begins where that reaches the threshold of the lowest grade and nothing near was as strong shortly before.

The scale is a quarter the sensor's own: its 99 % quantile of the evidence against the median of all, followed by
stochastic approximation (H. Robbins and S. Monro, 'A stochastic approximation method', Annals of Mathematical
Statistics 22, 1951) in steps that are shares of it, up by `TAIL_STEP` (1 - `TAIL`) where the evidence exceeds it, down
by `TAIL_STEP` x `TAIL` where not: no noisy sensor spends what is meant for all. The free-flow speed is followed
likewise, off-peak.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from shared.alerts.detection.budget import FALSE_ALARMS_PER_100_SENSOR_DAYS, AlarmBudget, Grade, Spending
from shared.alerts.detection.calibration import TAIL
from shared.alerts.detection.forecast_residual import ForecastResidual, ResidualState, Weights
from shared.alerts.detection.guard import Guard, Guarded
from shared.alerts.detection.protocol import Observation
from shared.alerts.learned.sensors import LearnedSensors
from shared.alerts.learned.state import PRIOR_TAIL, CompactArray, Lasting, Learned, compacted
from shared.events.quantities import EPOCH
from shared.traffic.arrays import Flags, Floats
from shared.traffic.calendar import SATURDAY, slots_per_day, week_slot
from shared.traffic.health.always_slow import SlowHours, always_slow, is_night
from shared.traffic.health.rules import Belief, Doubt, HealthJudge, HealthRules, Reasons
from shared.traffic.neighbours import Neighbours, neighbours
from shared.traffic.network import Network
from shared.traffic.roadway import Roadway, roadway
from shared.traffic.usual.speeds import UsualSpeeds

WITHIN_MILES = 2.5
TAIL_STEP = 0.1
OWN_WEIGHT = 0.25
"""What of a sensor's scale is its own: its spread already is; weeks say little about one sensor's rare values."""
SCALES = (0.6, 2.5)
"""A sensor's threshold is no smaller and no greater part of the common one."""
LONGEST_ALARM = timedelta(hours=3)
"""What lasts longer is no incident that a detector could still tell from a change of traffic."""
GAP_WINDOWS = 7
"""Windows of silence after which the moment before says nothing any more."""
FREE_FLOW_SHARE = 0.85
FREE_FLOW_FIRST_MPH, FREE_FLOW_LAST_MPH = 10.0, 0.1
FREE_FLOW_WINDOWS = 24
"""Off-peak windows from which on the free-flow speed is known."""
MOST_WINDOWS = 30_000
PEAK_HOURS = (range(6, 10), range(15, 19))


@dataclass(frozen=True, slots=True, eq=False)
class Alarms:
    """What the detector says of a step: (sensors,) each, in road order; `forecast_mph` was that for its window.

    `score` is the evidence against the sensor's scale, `thresholds` (grades,) what raises an alarm of each grade.
    `spending` knows how often evidence comes, `budget` how often alarms may.
    """

    active: Flags
    score: Floats
    thresholds: Floats
    usual_mph: Floats
    forecast_mph: Floats
    spending: Spending
    budget: AlarmBudget

    @classmethod
    def nothing(cls, budget: AlarmBudget) -> "Alarms":
        """Where nothing was judged."""
        count = len(budget.road.sensors)
        unknown, spending = np.full(count, np.nan), Spending.nothing(count)
        none = np.zeros(count, np.bool_)
        return cls(none, unknown, budget.thresholds(spending), unknown, unknown, spending, budget)

    def grade(self, score: float) -> Grade:
        """Of evidence this strong."""
        return Grade.PROBABLE if score >= self.thresholds[Grade.PROBABLE] else Grade.SUSPECTED


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a step gave: what holds of the sensors, its alarms, and the state after it."""

    sensors: LearnedSensors
    alarms: Alarms
    after: Learned
    hours: SlowHours


@dataclass(eq=False)
class Learner:
    """Learns about one network; it keeps to so many alarms per 100 sensor-days, 0: none."""

    network: Network
    false_alarms_per_100_sensor_days: float = FALSE_ALARMS_PER_100_SENSOR_DAYS
    rules: HealthRules = field(default_factory=HealthRules)
    weights: Weights = field(default_factory=Weights)
    road: Roadway = field(init=False)
    near: Neighbours = field(init=False)
    judge: HealthJudge = field(init=False)
    budget: AlarmBudget = field(init=False)
    per_day: int = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the road."""
        self.road = roadway(self.network)
        self.near = neighbours(self.road, WITHIN_MILES)
        self.judge = HealthJudge.of(self.road, self.rules)
        self.budget = AlarmBudget(self.road, self.false_alarms_per_100_sensor_days)
        self.per_day = slots_per_day(self.network)

    def nothing(self) -> Learned:
        """The state before anything was learned."""
        return Learned.nothing(len(self.road.sensors), self.per_day)

    def slot(self, window_start: datetime) -> int:
        """Number of a window in the local week, see `week_slot`."""
        return week_slot(self.network, window_start)

    def hours(self, learned: Learned) -> SlowHours:
        """In which windows traffic is usually slow."""
        return SlowHours.of(learned.usual.rows, len(self.road.sensors))

    def step(
        self,
        before: Learned,
        hours: SlowHours,
        end: datetime,
        speed_mph: Floats,
        occupancy: Floats,
        volume_vehicles: Floats,
        imputed: Flags | None = None,
    ) -> Lesson:
        """Judge and learn from the window that ends at `end`.

        Args:
            before: the state before it; it is not changed.
            hours: of that state.
            end: end of the window, UTC.
            speed_mph: (sensors,) in `network.sensors` order, NaN where missing; likewise the other two.
            occupancy: 0-1.
            volume_vehicles: on all lanes.
            imputed: where these were mostly not observed; `None`: nowhere.
        """
        if before.step is not None and end - before.step > GAP_WINDOWS * self.network.window:
            before = before.rested()
        columns = self.road.columns
        slot = self.slot(end - self.network.window)
        seen = Observation(slot, speed_mph[columns], occupancy[columns], volume_vehicles[columns])
        place = before.usual.place(slot)
        scale = scales(before.lasting.tail)
        thresholds = self.budget.thresholds(before.spending)
        lowest = float(thresholds[0])
        detector: Guarded[ResidualState] = Guarded(
            ForecastResidual(self.near, lowest * scale[None, :], self.per_day, self.weights), self.judge
        )
        verdict, guard, belief = detector.believed(seen, before.guard, None if imputed is None else imputed[columns])
        guard = self._begun(before, guard, lowest)
        after = compacted(guard, place)
        good = (after.health.owed == 0) & (before.guard.health.owed == 0)
        hours = hours.changed(
            before.usual.rows[place], after.inner.usual.rows[place], night=is_night(place, self.per_day)
        )
        slow_alone = always_slow(hours, self.near, self.per_day)
        believed = good & ~slow_alone
        doubt, since = doubts_after(before.lasting, belief, slow_alone & good, end - self.network.window)
        usual = before.usual.at(slot)
        usual_log = np.full(len(columns), np.nan) if usual is None else usual[0].astype(np.float64)
        alarming = after.inner.latch.alarming[0]
        calm = good & np.isfinite(seen.speed_mph) & ~alarming
        lasting = Lasting(
            # An alarm says how bad traffic is, not how noisy a sensor: it would be deaf to the next incident.
            tail=tail_after(before.lasting.tail, verdict.score[0], calm & np.isfinite(usual_log)),
            free_flow_mph=before.lasting.free_flow_mph,
            free_flow_windows=before.lasting.free_flow_windows,
            doubt=doubt,
            doubted_since=since,
        )
        if self._is_off_peak(slot):
            lasting = free_flow_after(lasting, np.where(calm, seen.speed_mph, np.nan))
        young = after.inner.latch.age[0] <= LONGEST_ALARM // self.network.window
        usual_mph = np.exp(usual_log)
        score = verdict.score[0] / scale
        spending = self.budget.spent(before.spending, np.where(believed, score, np.nan), thresholds)
        alarms = Alarms(
            active=alarming & young & believed,
            score=score,
            thresholds=thresholds,
            usual_mph=usual_mph,
            forecast_mph=np.exp(usual_log + before.guard.inner.late[0]),
            spending=spending,
            budget=self.budget,
        )
        free_flow = np.where(lasting.free_flow_windows >= FREE_FLOW_WINDOWS, lasting.free_flow_mph, np.nan)
        places = self.road.positions
        speeds = UsualSpeeds(usual_mph[places], free_flow.astype(np.float64)[places])
        sensors = LearnedSensors(speeds, believed[places])
        return Lesson(sensors, alarms, Learned(end.astimezone(UTC), place, after, lasting, spending), hours)

    def _begun(self, before: Learned, guard: Guard[ResidualState], lowest: float) -> Guard[ResidualState]:
        """Without alarms that begin where a cause has had its alarm already, and where none is active any more."""
        latch, was = guard.inner.latch, before.latch.alarming
        new = latch.alarming & ~was
        if not new.any():
            return guard
        may = self.budget.may_begin(before.spending, lowest) | self.budget.near(was[0])
        kept = latch.without(new & ~may)
        return replace(guard, inner=replace(guard.inner, latch=kept))

    def _is_off_peak(self, slot: int) -> bool:
        day, clock = divmod(slot, self.per_day)
        hour = clock * 24 // self.per_day
        return day >= SATURDAY or not any(hour in peak for peak in PEAK_HOURS)


def doubts_after(
    before: Lasting, belief: Belief, slow_alone: Flags, window_start: datetime
) -> tuple[Reasons, CompactArray]:
    """Why each sensor is not believed, and since when, in seconds since the epoch, (sensors,) each."""
    doubt = np.where(slow_alone, np.int8(Doubt.SLOW_NIGHTS), belief.reason).astype(np.int8)
    now_s = round((window_start - EPOCH).total_seconds())
    since = np.where(before.doubt != Doubt.NONE, before.doubted_since, now_s)
    return doubt, np.where(doubt != Doubt.NONE, since, 0).astype(np.int64)


def free_flow_after(lasting: Lasting, speed_mph: Floats) -> Lasting:
    """With one more off-peak window: the percentile moves by a step that shrinks with the windows that it knows."""
    told, speed = np.isfinite(speed_mph), lasting.free_flow_mph
    windows = np.minimum(lasting.free_flow_windows + told, MOST_WINDOWS).astype(np.int16)
    pace = np.maximum(FREE_FLOW_FIRST_MPH / np.maximum(windows, 1), FREE_FLOW_LAST_MPH)
    moved = np.where(np.isnan(speed), speed_mph, speed + pace * (FREE_FLOW_SHARE - (speed_mph < speed)))
    free_flow = np.where(told, moved, speed).astype(np.float32)
    return replace(lasting, free_flow_mph=free_flow, free_flow_windows=windows)


def scales(tail: CompactArray) -> Floats:
    """How much more evidence each sensor needs than most: (sensors,), about 1."""
    common = float(np.median(tail)) if len(tail) else PRIOR_TAIL
    own = (1 - OWN_WEIGHT) + OWN_WEIGHT * tail.astype(np.float64) / common
    return np.clip(own, *SCALES)


def tail_after(tail: CompactArray, score: Floats, counts: Flags) -> CompactArray:
    """The quantiles after one more window, (sensors,) each; they stay where `counts` is False."""
    moved = tail * np.exp(TAIL_STEP * ((score > tail) - TAIL))
    moved = np.clip(moved, PRIOR_TAIL / 10, PRIOR_TAIL * 10)
    return np.where(counts, moved, tail).astype(np.float32)
