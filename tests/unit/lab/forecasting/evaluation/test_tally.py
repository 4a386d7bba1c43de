import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.lab.forecasting.evaluation.regimes import Regime
from metrla.lab.forecasting.evaluation.tally import (
    BRIER,
    CLOSE,
    COVERED,
    PAIRS,
    PINBALL,
    SIGNED,
    SLOW,
    WIDTH,
    Piece,
    PieceForecasts,
    Tally,
    calibration_error,
    errors,
    share,
)
from shared.forecasting.inputs.history import HORIZONS
from tests.kit.accuracy import accuracy


def made(seed: int, origins: int = 7, sensors: int = 3) -> tuple[Piece, PieceForecasts]:
    rng = np.random.default_rng(seed)
    shape = (origins, sensors, HORIZONS)
    actual = rng.uniform(5, 70, shape)
    actual[rng.random(shape) < 0.2] = np.nan
    actual[rng.random(shape) < 0.1] = 0.0
    predicted = np.nan_to_num(actual, nan=40.0) + rng.normal(0, 5, shape)
    predicted[rng.random(shape) < 0.05] = np.nan
    now, below = rng.uniform(5, 70, shape[:2]), np.full(sensors, 40.0)
    piece = Piece(actual, now, below, rng.integers(0, 24, (origins, HORIZONS)), rng.random(shape[:2]) < 0.5)
    lower, upper = predicted - 6, predicted + 8
    return piece, PieceForecasts(predicted, lower, upper, predicted - 1, predicted + 1, rng.random(shape))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_sums_give_the_errors_that_all_pairs_at_once_give(seed: int) -> None:
    tally = Tally(3)
    pieces = [made(seed + part) for part in range(2)]
    for piece, answer in pieces:
        tally.add(piece, answer)
    actual = np.concatenate([piece.actual_mph for piece, _ in pieces])
    predicted = np.concatenate([answer.predicted_mph for _, answer in pieces])
    for ahead, found in enumerate(errors(tally.whole)):
        expected = accuracy(predicted[..., ahead], actual[..., ahead])
        assert found.mae_mph == pytest.approx(expected.mae_mph, nan_ok=True)
        assert found.rmse_mph == pytest.approx(expected.rmse_mph, nan_ok=True)
        assert found.mape_percent == pytest.approx(expected.mape_percent, nan_ok=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_pair_counts_once_in_each_breakdown(seed: int) -> None:
    tally = Tally(3)
    tally.add(*made(seed))
    np.testing.assert_allclose(tally.by_hour.sum(axis=1), tally.whole)
    np.testing.assert_allclose(tally.by_regime.sum(axis=1), tally.whole)
    np.testing.assert_allclose(tally.by_announced.sum(axis=1), tally.whole)
    np.testing.assert_allclose(tally.bins[0].sum(axis=(0, 2)), tally.whole[PAIRS])
    assert (
        tally.affected <= np.where(np.arange(len(tally.affected))[:, None] == SIGNED, np.inf, tally.whole + 1e-9)
    ).all()


def test_what_is_counted_of_one_pair() -> None:
    shape = (1, 1, HORIZONS)
    actual = np.full(shape, 50.0)
    piece = Piece(actual, np.array([[60.0]]), np.array([52.0]), np.full((1, HORIZONS), 8))
    answer = PieceForecasts(actual + 4.0, actual - 1.0, actual + 9.0, actual + 1.0, actual + 9.0, np.full(shape, 0.73))
    tally = Tally(1)
    tally.add(piece, answer)
    assert share(tally.whole, COVERED) == [1.0] * HORIZONS
    assert share(tally.whole, WIDTH) == [10.0] * HORIZONS
    assert share(tally.whole, CLOSE) == [1.0] * HORIZONS
    assert tally.by_regime[PAIRS, Regime.ONSET].sum() == HORIZONS
    assert tally.by_announced[PAIRS, Regime.FREE_FLOW].sum() == HORIZONS
    assert tally.by_hour[PAIRS, 8].sum() == HORIZONS
    assert calibration_error(tally.bins) == pytest.approx(0.27)


def test_a_baseline_without_intervals_has_errors_alone() -> None:
    tally = Tally(3)
    piece, answer = made(1)
    tally.add(piece, PieceForecasts(answer.predicted_mph))
    assert not tally.bins.any()
    assert np.isnan(calibration_error(tally.bins))
    assert tally.whole[PAIRS].all()


def test_confidence_that_means_what_it_says_has_no_calibration_error() -> None:
    rng = np.random.default_rng(3)
    shape = (4000, 2, HORIZONS)
    confidence, actual = rng.uniform(0, 1, shape), np.full(shape, 50.0)
    predicted = np.where(rng.random(shape) < confidence, actual + 2.0, actual + 9.0)
    tally = Tally(2)
    tally.add(
        Piece(actual, actual[..., 0], np.zeros(2), np.zeros((4000, HORIZONS), dtype=np.intp)),
        PieceForecasts(predicted, confidence=confidence),
    )
    assert calibration_error(tally.bins) < 0.01


def test_a_beginning_is_warned_of_as_far_ahead_as_it_was_likely() -> None:
    """Twice free at the origin and congested later: told once two windows ahead, and once in vain."""
    actual = np.full((2, 1, HORIZONS), 60.0)
    actual[0, :, 2:] = 30.0
    actual[1, :, 1:] = 30.0
    chance = np.full_like(actual, 0.1)
    chance[0, 0, 0] = 0.9  # in vain: still free
    chance[1, 0, 1] = 0.5  # one window later, two windows ahead
    piece = Piece(actual, np.array([[60.0], [60.0]]), np.array([40.0]), np.full((2, HORIZONS), 8))
    tally = Tally(1)
    predicted = np.full_like(actual, 50.0)
    tally.add(piece, PieceForecasts(predicted, predicted - 30, predicted + 15, predicted, predicted, chance, chance))
    begun, begun_warned, warned, in_vain = tally.warnings
    assert begun.tolist() == [0, 1, 1] + [0] * 9
    assert begun_warned.tolist() == [0, 1] + [0] * 10
    assert warned.tolist() == [1, 1] + [0] * 10
    assert in_vain.tolist() == [1] + [0] * 11
    assert tally.whole[SLOW].sum() == 10 + 11
    assert share(tally.whole, BRIER)[0] == pytest.approx((0.9**2 + 0.1**2) / 2)
    # 60 lies within 20 to 65: each bound is off by its distance, times the share that may lie beyond it.
    assert share(tally.whole, PINBALL)[0] == pytest.approx((0.05 * 40 + 0.05 * 5) / 2)
