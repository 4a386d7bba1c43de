from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.records import NetworkId
from shared.store.model_records import CONFIDENCE_BINS, HorizonScore, ModelScore
from shared.store.rolling_scores import rolling_scores

START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
Pair = tuple[float, float, bool]


def horizon(pairs: Sequence[Pair], minutes: int = 15, *, binned: bool = True) -> HorizonScore:
    """The score of pairs (error in mph, confidence, whether the interval covered)."""
    places = [min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1) for _, confidence, _ in pairs]

    def by_bin(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(
            sum(value for value, place in zip(values, places, strict=True) if place == wanted)
            for wanted in range(CONFIDENCE_BINS)
        )

    errors = [error for error, _, _ in pairs]
    close = [float(abs(error) <= 5) for error in errors]
    confidences = [confidence for _, confidence, _ in pairs]
    return HorizonScore(
        horizon_minutes=minutes,
        pairs=len(pairs),
        absolute_error_sum_mph=sum(map(abs, errors)),
        squared_error_sum_mph2=sum(error**2 for error in errors),
        error_sum_mph=sum(errors),
        covered=sum(covered for _, _, covered in pairs),
        close=int(sum(close)),
        confidence_sum=sum(confidences),
        confidence_pairs=tuple(map(int, by_bin([1.0] * len(pairs)))) if binned else (),
        confidence_close=tuple(map(int, by_bin(close))) if binned else (),
        confidence_sums=by_bin(confidences) if binned else (),
    )


def score(step: int, *horizons: HorizonScore) -> ModelScore:
    return ModelScore(NetworkId("n"), "ensemble", "1", START + step * WINDOW, 1, (), 0, horizons)


def test_sums_become_means_over_all_pairs() -> None:
    first = score(1, horizon([(2.0, 0.9, True), (-4.0, 0.8, True)]), horizon([(10.0, 0.55, False)], 60))
    second = score(3, horizon([(6.0, 0.95, False)]))
    near, far = rolling_scores([second, first])
    assert (near.horizon_minutes, near.pairs, near.start, near.end) == (15, 3, START + WINDOW, START + 3 * WINDOW)
    assert near.mae_mph == pytest.approx(4.0)
    assert near.rmse_mph == pytest.approx(sqrt(56 / 3))
    assert near.bias_mph == pytest.approx(4 / 3)
    assert near.coverage_90 == pytest.approx(2 / 3)
    assert near.share_close == pytest.approx(2 / 3)
    assert near.mean_confidence == pytest.approx(2.65 / 3)
    # [0.8, 0.9): one pair, close; [0.9, 1]: two, one of them close.
    assert near.expected_calibration_error == pytest.approx((abs(0.8 - 1) + 2 * abs(0.925 - 0.5)) / 3)
    assert [(bin_.lower, bin_.pairs, bin_.share_close) for bin_ in near.reliability if bin_.pairs] == [
        (0.8, 1, 1.0),
        (0.9, 2, 0.5),
    ]
    assert (far.horizon_minutes, far.bias_mph, far.coverage_90) == (60, 10.0, 0.0)


def test_nothing_scored_is_no_score() -> None:
    assert rolling_scores([]) == ()
    assert rolling_scores([score(1), score(2, horizon([]))]) == ()


def test_without_bins_calibration_is_unknown() -> None:
    (only,) = rolling_scores([score(1, horizon([(1.0, 0.5, True)], binned=False))])
    assert only.expected_calibration_error is None
    assert only.reliability == ()


PAIRS = st.lists(st.tuples(st.floats(-60, 60), st.floats(0, 1), st.booleans()), min_size=1, max_size=30)


@given(st.lists(PAIRS, min_size=1, max_size=6))
def test_how_pairs_are_shared_out_among_windows_does_not_matter(windows: list[list[Pair]]) -> None:
    (rolled,) = rolling_scores([score(step, horizon(pairs)) for step, pairs in enumerate(windows)])
    (whole,) = rolling_scores([score(0, horizon([pair for pairs in windows for pair in pairs]))])
    for name in ("pairs", "mae_mph", "rmse_mph", "bias_mph", "coverage_90", "share_close", "mean_confidence"):
        assert getattr(rolled, name) == pytest.approx(getattr(whole, name), abs=1e-9)
    assert rolled.expected_calibration_error == pytest.approx(whole.expected_calibration_error, abs=1e-9)
    assert 0 <= (rolled.expected_calibration_error or 0) <= 1
    assert rolled.rmse_mph >= rolled.mae_mph - 1e-9
