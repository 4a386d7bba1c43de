"""Sums over forecasts, from which every figure of an evaluation follows; a recording goes through in pieces. Pure.

The protocol is that of DCRNN (Li et al., ICLR 2018): one average over all pairs of origin and sensor with an actual
speed; a label that is missing or 0 is left out of MAE, RMSE and MAPE alike.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.evaluation import reliability
from metrla.lab.forecasting.evaluation.regimes import Regime, regimes
from shared.forecasting.calibration.conformal import CLOSE_MPH, COVERAGE
from shared.forecasting.inputs.history import HORIZONS
from shared.traffic.arrays import Flags, Floats, ratio
from shared.traffic.calendar import HOURS

BINS = 20
MEASURES = (
    "pairs",
    "absolute",
    "squared",
    "relative",
    "signed",
    "covered",
    "covered_offline",
    "width",
    "confidence",
    "close",
    "pinball",
    "brier",
    "slow",
)
(
    PAIRS,
    ABSOLUTE,
    SQUARED,
    RELATIVE,
    SIGNED,
    COVERED,
    COVERED_OFFLINE,
    WIDTH,
    CONFIDENCE,
    CLOSE,
    PINBALL,
    BRIER,
    SLOW,
) = range(len(MEASURES))

WARNED_FROM = 0.5
"""A chance of congestion from which on a forecast counts as a warning."""
WARNINGS = ("begun", "begun_warned", "warned", "warned_in_vain")
BEGUN, BEGUN_WARNED, WARNED, WARNED_IN_VAIN = range(len(WARNINGS))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean absolute error and root mean squared error in mph, mean absolute percentage error in percent."""

    mae_mph: float
    rmse_mph: float
    mape_percent: float


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What happened after some origins, for all models: `actual_mph` is (origins, sensors, HORIZONS).

    `now_mph` (origins, sensors) are the last speeds known, `below_mph` (sensors,) is where congestion begins, `hours`
    (origins, HORIZONS) are the local hours that the targets fall in. `affected` (origins, sensors) marks what is
    counted once more apart: the pairs whose input was disturbed.
    """

    actual_mph: Floats
    now_mph: Floats
    below_mph: Floats
    hours: NDArray[np.intp]
    affected: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PieceForecasts:
    """What a model said: (origins, sensors, HORIZONS) each; without intervals only `predicted_mph`.

    `lower_mph` and `upper_mph` are the 90 % interval as served, `offline_lower_mph` and `offline_upper_mph` the same
    without adaptation to the stream; `congested` is the chance of congestion.
    """

    predicted_mph: Floats
    lower_mph: Floats | None = None
    upper_mph: Floats | None = None
    offline_lower_mph: Floats | None = None
    offline_upper_mph: Floats | None = None
    confidence: Floats | None = None
    congested: Floats | None = None


@dataclass(eq=False)
class Tally:
    """Sums of one model: `MEASURES` by sensor, hour, regime and regime as forecast, bins of confidence; by horizon.

    `warnings` (`WARNINGS`, HORIZONS) are of sensors that are free at the origin: windows in which congestion begins,
    those of them for which it was forecast as more likely than not, all targets for which it was, and those of them
    that were free.
    """

    sensors: int
    by_sensor: Floats = field(init=False)
    by_hour: Floats = field(init=False)
    by_regime: Floats = field(init=False)
    by_announced: Floats = field(init=False)
    affected: Floats = field(init=False)
    bins: Floats = field(init=False)
    warnings: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.by_sensor = np.zeros((len(MEASURES), self.sensors, HORIZONS))
        self.by_hour = np.zeros((len(MEASURES), HOURS, HORIZONS))
        self.by_regime = np.zeros((len(MEASURES), len(Regime), HORIZONS))
        self.by_announced = np.zeros_like(self.by_regime)
        self.affected = np.zeros((len(MEASURES), HORIZONS))
        # Pairs, sum of confidence, pairs within 5 mph; by regime as forecast, horizon and bin of confidence.
        self.bins = np.zeros((3, len(Regime), HORIZONS, BINS))
        self.warnings = np.zeros((len(WARNINGS), HORIZONS))

    @property
    def whole(self) -> Floats:
        """The sums over everything: (measures, HORIZONS)."""
        whole: Floats = self.by_sensor.sum(axis=1)
        return whole

    def add(self, piece: Piece, answer: PieceForecasts) -> None:
        """Count the forecasts of one piece."""
        values = _measured(piece, answer)
        self.by_sensor += values.sum(axis=1)
        over_sensors = values.sum(axis=2)
        ahead = np.broadcast_to(np.arange(HORIZONS), piece.hours.shape)
        for measure, sums in enumerate(over_sensors):
            np.add.at(self.by_hour[measure], (piece.hours, ahead), sums)
        happened, announced = (
            (regimes(piece.now_mph, then, piece.below_mph) * HORIZONS + np.arange(HORIZONS)).ravel()
            for then in (piece.actual_mph, answer.predicted_mph)
        )
        for measure, each in enumerate(values):
            self.by_regime[measure] += _grouped(happened, each, len(Regime) * HORIZONS).reshape(-1, HORIZONS)
            self.by_announced[measure] += _grouped(announced, each, len(Regime) * HORIZONS).reshape(-1, HORIZONS)
        if answer.congested is not None:
            self.warnings += _warnings(piece, answer.congested)
        if piece.affected is not None:
            self.affected += (values * piece.affected[:, :, None]).sum(axis=(1, 2))
        if answer.confidence is not None:
            place = np.minimum((np.nan_to_num(answer.confidence) * BINS).astype(np.intp), BINS - 1).ravel()
            cell = announced * BINS + place
            for row, measure in enumerate((PAIRS, CONFIDENCE, CLOSE)):
                self.bins[row] += _grouped(cell, values[measure], self.bins[row].size).reshape(self.bins[row].shape)


def errors(sums: Floats) -> list[Accuracy]:
    """MAE, RMSE and MAPE by horizon of sums (measures, HORIZONS); NaN where there is no pair."""
    pairs = sums[PAIRS]
    mae, squared, mape = (ratio(sums[measure], pairs) for measure in (ABSOLUTE, SQUARED, RELATIVE))
    return [Accuracy(float(a), float(s), float(100 * m)) for a, s, m in zip(mae, np.sqrt(squared), mape, strict=True)]


def share(sums: Floats, measure: int) -> list[float]:
    """Mean of one of the `MEASURES` over the pairs, by horizon."""
    return [float(value) for value in ratio(sums[measure], sums[PAIRS])]


def calibration_error(bins: Floats) -> float:
    """Expected calibration error of (pairs, sum of confidence, close) by bin; NaN of nothing."""
    pairs, confidence, close = bins.reshape(3, -1, BINS).sum(axis=1)
    return reliability.calibration_error(pairs, confidence, close)


def _measured(piece: Piece, answer: PieceForecasts) -> Floats:
    actual, predicted = piece.actual_mph, answer.predicted_mph
    known = ~np.isnan(actual) & (actual > 0) & ~np.isnan(predicted)
    error = np.where(known, predicted - actual, 0.0)
    values = np.zeros((len(MEASURES), *actual.shape))
    values[PAIRS] = known
    values[ABSOLUTE] = np.abs(error)
    values[SQUARED] = error**2
    values[RELATIVE] = values[ABSOLUTE] / np.where(known, actual, 1.0)
    values[SIGNED] = error
    values[CLOSE] = known & (values[ABSOLUTE] <= CLOSE_MPH)
    if answer.lower_mph is not None and answer.upper_mph is not None:
        values[COVERED] = known & (answer.lower_mph <= actual) & (actual <= answer.upper_mph)
        values[WIDTH] = np.where(known, answer.upper_mph - answer.lower_mph, 0.0)
        low, high = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
        off = _pinball(actual, answer.lower_mph, low) + _pinball(actual, answer.upper_mph, high)
        values[PINBALL] = np.where(known, off / 2, 0.0)
    if answer.offline_lower_mph is not None and answer.offline_upper_mph is not None:
        values[COVERED_OFFLINE] = known & (answer.offline_lower_mph <= actual) & (actual <= answer.offline_upper_mph)
    if answer.confidence is not None:
        values[CONFIDENCE] = np.where(known, answer.confidence, 0.0)
    slow = actual < piece.below_mph[:, None]
    values[SLOW] = known & slow
    if answer.congested is not None:
        values[BRIER] = np.where(known, (np.nan_to_num(answer.congested) - slow) ** 2, 0.0)
    return values


def _pinball(actual: Floats, quantile_mph: Floats, share_below: float) -> Floats:
    above = actual - quantile_mph
    return np.maximum(share_below * above, (share_below - 1) * above)


def _warnings(piece: Piece, congested: Floats) -> Floats:
    actual, below = piece.actual_mph, piece.below_mph[:, None]
    free_now = (piece.now_mph >= piece.below_mph)[:, :, None]
    told = free_now & (actual > 0) & ~np.isnan(congested)
    before = np.concatenate([piece.now_mph[:, :, None], actual[:, :, :-1]], axis=2)
    begun, warned = told & (actual < below) & (before >= below), told & (congested >= WARNED_FROM)
    each = (begun, begun & warned, warned, warned & (actual >= below))
    return np.stack([one.sum(axis=(0, 1)) for one in each]).astype(np.float64)


def _grouped(group: NDArray[np.intp], values: Floats, groups: int) -> Floats:
    return np.bincount(group, weights=values.ravel(), minlength=groups).astype(np.float64)
