"""How often expected congestion came true: the rule for it, on the test part of a recording.

Forecasts come from `shared.forecasting`, expectations from `shared.alerts.expectations`, by the code that serves; this
is the one place where the two meet outside a service. `metrla evaluate-expectations` prints the figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from metrla.lab.forecasting.progress import Told
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from shared.alerts.expectations.alerts import ExpectationDetector, has_come
from shared.alerts.expectations.expectation import ExpectationRule
from shared.alerts.expectations.outlook import Outlook
from shared.alerts.expectations.probability import probability_below
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.start import from_profile
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.errors import ConfigurationError, ModelError
from shared.events.records import AlertStatus, AlertType, TrafficAlert
from shared.forecasting.forecasting import Forecasting, ModelForecast
from shared.forecasting.inputs.history import LAGS, minutes_ahead
from shared.forecasting.registry.loading import Key
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Flags, Floats
from shared.traffic.health.always_slow import always_slow
from shared.traffic.health.rules import Doubt

WITHIN = timedelta(minutes=20)
DAY = timedelta(days=1)
AT_ONCE = 48
BINS = np.array([0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 1.0])
SHOWN_MINUTES = (15, 30, 60)


@dataclass
class ProbabilityTally:
    """Forecast probabilities of slow traffic against what happened, where it is not slow yet; by horizon and bin."""

    count: dict[int, Floats] = field(default_factory=dict)
    said: dict[int, Floats] = field(default_factory=dict)
    came: dict[int, Floats] = field(default_factory=dict)

    def add(self, minutes: int, probability: Floats, slow: Floats) -> None:
        """Count pairs of the same shape; NaN in either is left out."""
        known = np.isfinite(probability) & np.isfinite(slow)
        bins = np.clip(np.digitize(probability[known], BINS) - 1, 0, len(BINS) - 2)
        for sums, weights in ((self.count, None), (self.said, probability[known]), (self.came, slow[known])):
            more = np.bincount(bins, weights, minlength=len(BINS) - 1).astype(np.float64)
            sums[minutes] = sums.get(minutes, np.zeros(len(BINS) - 1)) + more

    def table(self) -> list[dict[str, Any]]:
        """One row for each horizon and bin that occurred."""
        return [
            {
                "minutes": minutes,
                "from": float(BINS[row]),
                "to": float(BINS[row + 1]),
                "forecasts": int(count),
                "said": round(float(self.said[minutes][row] / count), 3),
                "came": round(float(self.came[minutes][row] / count), 3),
            }
            for minutes, counts in sorted(self.count.items())
            for row, count in enumerate(counts)
            if count
        ]


def evaluate_expectations(
    recording: Recording, serving: Serving, *, every_days: int = 6, told: Told | None = None
) -> dict[str, Any]:
    """Run the rule over the test part of a recording (its last 20 %), origin after origin, as the service does.

    Args:
        recording: what happened.
        serving: the network's models; the network's answer is used, as the service does.
        every_days: every n-th day of the test part is used; each day begins without alerts.
        told: is told how many of how many origins are done.

    Raises:
        ConfigurationError: the recording is too short.
        ModelError: there is no model.
    """
    if serving.champion is None:
        raise ModelError(f"network {recording.network.network_id}: no model that can serve")
    split = Split.of(len(recording.speed_mph), recording.skipped_windows)
    recorded = Recorded(recording.network, recording.start, recording.speed_mph, split.train_windows)
    origins = np.arange(split.train + split.validation, split.origins)
    per_day = DAY // recording.network.window
    days = [origins[first : first + per_day] for first in range(0, len(origins) - per_day + 1, every_days * per_day)]
    if not days:
        raise ConfigurationError("the test part of this recording is shorter than a day")
    tally, judged, done = ProbabilityTally(), list[dict[str, Any]](), 0
    slow_alone = _slow_alone(recorded)
    for day in days:
        course = _Day(recorded, serving, tally, slow_alone)
        judged += course.run(day)
        done += len(day)
        if told is not None:
            told(float(done), float(sum(map(len, days))))
    return _figures(recording, serving.champion.key, judged, tally, days=len(days), origins=done)


@dataclass(eq=False)
class _Day:
    recorded: Recorded
    serving: Serving
    tally: ProbabilityTally
    slow_alone: Flags
    detector: ExpectationDetector = field(init=False)
    rule: ExpectationRule = field(default_factory=ExpectationRule)

    def __post_init__(self) -> None:
        self.detector = ExpectationDetector(self.recorded.network, self.rule)

    def run(self, origins: "np.ndarray[Any, np.dtype[np.intp]]") -> list[dict[str, Any]]:
        """What became of each alert of these origins, which follow each other."""
        network = self.recorded.network
        board = AlertBoard(network, AlertType.CONGESTION)
        log: list[TrafficAlert] = []
        before: Outlook | None = None
        for now in self._outlooks(origins):
            for changes in self.detector.changes(board, now, before):
                board.apply(changes)
                log += changes
            before = now
        return [self._judged(alert, log) for alert in log if alert.status is AlertStatus.RAISED]

    def _outlooks(self, origins: "np.ndarray[Any, np.dtype[np.intp]]") -> Iterator[Outlook]:
        forecasting, columns = Forecasting(self.recorded.network), self.detector.road.columns
        slow_mph, window = self.rule.congestion.slow_mph, self.recorded.network.window
        for some in np.split(origins, range(AT_ONCE, len(origins), AT_ONCE)):
            batch = self.recorded.batch(some)
            forecasts = forecasting.of_batch(batch, self.serving, challengers=False)
            predicted, lower, upper, models = _served(forecasts)
            probability = probability_below(slow_mph, predicted, lower, upper)
            actual = self.recorded.actual(some)
            current = self.recorded.speed_mph[some + LAGS - 1]
            free = ~(current < slow_mph)
            minutes = tuple(minutes_ahead(window))
            for horizon, ahead in enumerate(minutes):
                if ahead in SHOWN_MINUTES:
                    then = actual[:, :, horizon]
                    slow = np.where(np.isfinite(then) & free, then < slow_mph, np.nan)
                    self.tally.add(ahead, probability[:, :, horizon], slow)
            # What the alert detector does not believe lets expect nothing; see `ExpectedAlerts`.
            doubted = (self.recorded.doubt[some + LAGS - 1] != Doubt.NONE) | self.slow_alone
            probability = np.where(doubted[..., None], np.nan, probability)
            predicted, current = np.where(doubted[..., None], np.nan, predicted), np.where(doubted, np.nan, current)
            for row, origin in enumerate(some):
                yield Outlook(
                    at=self._end(int(origin) + LAGS - 1),
                    minutes=minutes,
                    probability=probability[row][columns].T,
                    predicted_mph=predicted[row][columns].T,
                    current_mph=current[row][columns],
                    models=tuple(models[row][column] for column in columns),
                )

    def _end(self, window: int) -> datetime:
        return self.recorded.start + (window + 1) * self.recorded.network.window

    def _judged(self, alert: TrafficAlert, log: Sequence[TrafficAlert]) -> dict[str, Any]:
        expected_at = alert.expected_at or alert.raised_at
        network, slow_mph = self.recorded.network, self.rule.congestion.slow_mph
        columns = [network.index[sensor_id] for sensor_id in alert.affected_sensors]
        first = (alert.raised_at - self.recorded.start) // network.window
        last = (expected_at + WITHIN - self.recorded.start) // network.window
        seen = np.where(self.slow_alone[columns], np.nan, self.recorded.believed_mph[first:last, columns])
        miles = self.detector.road.length_miles[self.detector.road.positions[columns]]
        come = came(seen, slow_mph, miles)
        later = [one for one in log if one.alert_id == alert.alert_id]
        window_minutes = network.window / timedelta(minutes=1)
        ahead = (expected_at - alert.raised_at) / timedelta(minutes=1)
        return {
            "alert_id": alert.alert_id,
            "said": alert.confidence_score,
            "ahead_minutes": ahead,
            "came": bool(come.any()) if np.isfinite(seen).any() else None,
            "warning_minutes": (int(np.argmax(come)) + 1) * window_minutes if come.any() else None,
            "late_minutes": (int(np.argmax(come)) + 1) * window_minutes - ahead if come.any() else None,
            "sensors": len(columns),
            "stated_miles": round(float(miles.sum()), 1),
            "updates": sum(one.status is AlertStatus.UPDATED for one in later),
            "end": later[-1].message if not later[-1].active else None,
        }


def _slow_alone(recorded: Recorded) -> Flags:
    """Which sensors (N,) the alert detector would not believe for what is usual at them, see `always_slow`."""
    learner = Learner(recorded.network)
    learned = from_profile(learner, recorded.profile_mph)
    if learned is None:
        return np.zeros(len(recorded.network.sensors), dtype=np.bool_)
    return always_slow(learner.hours(learned), learner.near, learner.per_day)[learner.road.positions]


def came(speed_mph: Floats, slow_mph: float, miles: Floats) -> Flags:
    """In which windows (windows,), what was expected of some sensors (windows, sensors) has come: believed speeds, mph.

    That is where half of the stated length (`miles`, by sensor) that tells a speed is slow, in this window and in the
    one after it: what the service takes for come, and what a driver would call congestion of the extent that the alert
    stated.
    """
    slow = has_come(speed_mph < slow_mph, np.isfinite(speed_mph), miles)
    lasting: Flags = np.zeros_like(slow)
    lasting[:-1] = slow[:-1] & slow[1:]
    return lasting


def _served(forecasts: Sequence[ModelForecast]) -> tuple[Floats, Floats, Floats, list[list[tuple[str, str] | None]]]:
    shape = forecasts[0].predicted_mph.shape
    predicted, lower, upper = (np.full(shape, np.nan) for _ in range(3))
    models: list[list[tuple[str, str] | None]] = [[None] * shape[1] for _ in range(shape[0])]
    for one in forecasts:
        mine = one.serving
        predicted[mine] = one.predicted_mph[mine]
        lower[mine] = np.minimum(one.bounds.lower_mph[mine], one.predicted_mph[mine])
        upper[mine] = np.maximum(one.bounds.upper_mph[mine], one.predicted_mph[mine])
        for row, column in zip(*np.nonzero(mine), strict=True):
            models[row][column] = one.name, one.version
    return predicted, lower, upper, models


def _figures(
    recording: Recording,
    model: Key,
    judged: Sequence[Mapping[str, Any]],
    tally: ProbabilityTally,
    *,
    days: int,
    origins: int,
) -> dict[str, Any]:
    warned = [one["warning_minutes"] for one in judged if one["came"]]
    return {
        "data": recording.source,
        "model": list(model),
        "days": days,
        "origins": origins,
        "within_minutes": WITHIN / timedelta(minutes=1),
        "alerts": len(judged),
        "alerts_per_day": round(len(judged) / days, 2),
        "came": _share(judged),
        "said": round(float(np.mean([one["said"] for one in judged])), 3) if judged else None,
        "by_lead": [
            {"from": first, "to": last, "alerts": len(some), "came": _share(some)}
            for first, last in ((0, 10), (10, 20), (20, 40), (40, 61))
            if (some := [one for one in judged if first < one["ahead_minutes"] <= last])
        ],
        "by_confidence": [
            {"from": first, "to": last, "alerts": len(some), "came": _share(some)}
            for first, last in ((0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.01))
            if (some := [one for one in judged if first <= one["said"] < last])
        ],
        "warning_minutes": float(np.median(warned)) if warned else None,
        "updates_per_alert": round(float(np.mean([one["updates"] for one in judged])), 2) if judged else None,
        "probabilities": tally.table(),
        "each": list(judged),
    }


def _share(judged: Sequence[Mapping[str, Any]]) -> float | None:
    told = [one["came"] for one in judged if one["came"] is not None]
    return round(float(np.mean(told)), 3) if told else None
