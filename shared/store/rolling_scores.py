"""From the scores of single windows to those of a stretch of time: error, bias, coverage and calibration. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from shared.store.model_records import CONFIDENCE_BINS, HorizonScore, ModelScore


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """The forecasts whose `confidence_score` lay in [`lower`, `upper`): what was promised and what came of it.

    `mean_confidence` is the probability promised for 'within 5 mph', `share_close` the share that was; both `None`
    where `pairs` is 0.
    """

    lower: float
    upper: float
    pairs: int
    mean_confidence: float | None
    share_close: float | None


@dataclass(frozen=True, slots=True)
class RollingScore:
    """How the forecasts of one model and horizon did over all windows from `start` to `end` (their ends, inclusive).

    Speeds are in mph, errors predicted minus actual. `coverage_90` is the share of actual speeds within the 90 %
    intervals. `expected_calibration_error` is the mean over forecasts of |promised - true| probability by bin of
    confidence (Naeini et al., 2015, 'Obtaining well calibrated probabilities using Bayesian binning'), `None` where no
    bins were kept.
    """

    horizon_minutes: int
    start: datetime
    end: datetime
    pairs: int
    mae_mph: float
    rmse_mph: float
    bias_mph: float
    coverage_90: float
    share_close: float
    mean_confidence: float
    expected_calibration_error: float | None
    reliability: tuple[ConfidenceBin, ...]


def rolling_scores(scores: Iterable[ModelScore]) -> tuple[RollingScore, ...]:
    """One score for each horizon with at least one pair, shortest first; of one model, in any order, each once."""
    by_horizon: dict[int, list[tuple[datetime, HorizonScore]]] = defaultdict(list)
    for score in scores:
        for horizon in score.horizons:
            if horizon.pairs:
                by_horizon[horizon.horizon_minutes].append((score.timestamp, horizon))
    return tuple(_rolled(minutes, by_horizon[minutes]) for minutes in sorted(by_horizon))


def _rolled(minutes: int, scored: Sequence[tuple[datetime, HorizonScore]]) -> RollingScore:
    times = [time for time, _ in scored]
    parts = [horizon for _, horizon in scored]
    pairs = sum(part.pairs for part in parts)
    reliability = _reliability(parts)
    binned = sum(each.pairs for each in reliability)
    return RollingScore(
        horizon_minutes=minutes,
        start=min(times),
        end=max(times),
        pairs=pairs,
        mae_mph=sum(part.absolute_error_sum_mph for part in parts) / pairs,
        rmse_mph=sqrt(sum(part.squared_error_sum_mph2 for part in parts) / pairs),
        bias_mph=sum(part.error_sum_mph for part in parts) / pairs,
        coverage_90=sum(part.covered for part in parts) / pairs,
        share_close=sum(part.close for part in parts) / pairs,
        mean_confidence=_mean_share(sum(part.confidence_sum for part in parts), pairs),
        expected_calibration_error=(
            sum(
                each.pairs * abs(each.mean_confidence - each.share_close)
                for each in reliability
                if each.mean_confidence is not None and each.share_close is not None
            )
            / binned
            if binned
            else None
        ),
        reliability=reliability,
    )


def _reliability(parts: Sequence[HorizonScore]) -> tuple[ConfidenceBin, ...]:
    """All bins, the empty ones too; none where no part has bins."""
    kept = [part for part in parts if part.confidence_pairs]
    if not kept:
        return ()
    bins = []
    for place in range(CONFIDENCE_BINS):
        pairs = sum(part.confidence_pairs[place] for part in kept)
        close = sum(part.confidence_close[place] for part in kept)
        confidence = sum(part.confidence_sums[place] for part in kept)
        bins.append(
            ConfidenceBin(
                lower=place / CONFIDENCE_BINS,
                upper=(place + 1) / CONFIDENCE_BINS,
                pairs=pairs,
                mean_confidence=_mean_share(confidence, pairs) if pairs else None,
                share_close=close / pairs if pairs else None,
            )
        )
    return tuple(bins)


def _mean_share(total: float, count: int) -> float:
    """The mean of shares, which sums of many of them may miss by a rounding error."""
    return min(1.0, max(0.0, total / count))
