from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrla.lab.forecasting.evaluation.scale_replay import ScaleReplay
from shared.forecasting.calibration.adaptive import (
    BINS,
    DAY,
    KEPT,
    LARGEST_SCALE,
    LEAST_SCALE,
    RECENT,
    AdaptiveScale,
    histogram,
    prior_of,
    score,
)
from shared.forecasting.calibration.conformal import COVERAGE

WINDOW = timedelta(minutes=5)
START = datetime(2026, 3, 2, tzinfo=UTC)
SENSORS, HORIZONS = 100, 12
RNG = np.random.default_rng(0)


def calibrated(size: int, horizons: int = HORIZONS, seed: int = 1) -> np.ndarray:
    """Scores of forecasts whose offline intervals cover nine in ten."""
    return np.abs(np.random.default_rng(seed).laplace(0, 1 / np.log(10), (size, horizons)))


PRIOR = prior_of(list(calibrated(50_000).T))


def fresh(horizons: int = HORIZONS) -> AdaptiveScale:
    return AdaptiveScale(PRIOR[:horizons], WINDOW)


def taught(adaptive: AdaptiveScale, windows: int, factor: float = 1.0) -> np.ndarray:
    """The scale after so many windows whose errors are so many times those calibrated on."""
    for row in range(windows):
        adaptive.put(START + row * WINDOW, 1, histogram(factor * calibrated(SENSORS, len(adaptive.prior), seed=row)))
    return adaptive.at(START + (windows - 1) * WINDOW)


def test_without_scores_intervals_are_the_offline_ones() -> None:
    np.testing.assert_array_equal(fresh().at(START), 1.0)


def test_what_may_still_change_does_not_count() -> None:
    adaptive = AdaptiveScale(PRIOR[:3], WINDOW, settled_after=4 * WINDOW)
    for row in range(20):
        adaptive.put(START + row * WINDOW, 1, histogram(2 * calibrated(SENSORS, 3, seed=row)))
    origin = START + 19 * WINDOW
    before = adaptive.at(origin)
    for row in range(16, 20):
        adaptive.put(START + row * WINDOW, 2, histogram(9 * calibrated(SENSORS, 3, seed=row)))
    np.testing.assert_array_equal(adaptive.at(origin), before)
    adaptive.put(START + 15 * WINDOW, 2, histogram(9 * calibrated(SENSORS, 3, seed=15)))
    assert (adaptive.at(origin) > before).all()


def test_a_horizon_without_scores_keeps_its_own() -> None:
    adaptive = fresh()
    scores = 3 * calibrated(5 * SENSORS)
    scores[:, 3:] = np.nan
    adaptive.put(START, 1, histogram(scores))
    found = adaptive.at(START)
    assert (found[:3] > 1.02).all()
    np.testing.assert_array_equal(found[3:], 1.0)


def test_scores_as_calibrated_change_little() -> None:
    assert np.abs(taught(fresh(), 24) - 1).max() < 0.08


@pytest.mark.parametrize("factor", [0.6, 1.5, 2.0])
def test_it_goes_to_where_nine_in_ten_are_covered(factor: float) -> None:
    in_two_hours, in_a_day = taught(fresh(), 24, factor), taught(fresh(), 288, factor)
    assert np.all(np.abs(in_two_hours - factor) < 0.5 * np.abs(1 - factor))
    assert np.all(np.abs(in_a_day / factor - 1) < 0.08)


def test_only_windows_that_have_ended_and_are_of_the_last_day_count() -> None:
    adaptive, wide = fresh(), histogram(3 * calibrated(SENSORS))
    adaptive.put(START, 1, wide)
    assert (adaptive.at(START - WINDOW) == 1).all()
    now, later, last = (adaptive.at(START + span)[0] for span in (0 * WINDOW, RECENT, DAY - WINDOW))
    assert now > later >= last > 1
    assert (adaptive.at(START + DAY) == 1).all()


def test_what_is_long_gone_is_overwritten() -> None:
    adaptive = fresh(1)
    size = adaptive._counts.nbytes
    taught(adaptive, 3 * (KEPT // WINDOW))
    assert adaptive._counts.nbytes == size


rows = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3)), min_size=1, max_size=40, unique=True)


@settings(deadline=None)
@given(rows=rows, order=st.randoms(use_true_random=False), ask=st.integers(0, 45))
def test_the_order_of_arrival_does_not_matter(rows: list[tuple[int, int]], order: object, ask: int) -> None:
    shuffled = list(rows)
    order.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis' Random
    found = []
    for sequence in (rows, shuffled):
        adaptive = fresh(2)
        for row, revision in sequence:
            counts = 30 * row + revision + np.arange(2 * BINS).reshape(2, BINS) * (row % 3)
            adaptive.put(START + row * WINDOW, revision, counts)
        found.append(adaptive.at(START + ask * WINDOW))
    np.testing.assert_array_equal(found[0], found[1])


@settings(deadline=None)
@given(rows=st.lists(arrays(np.int64, (2, BINS), elements=st.integers(0, 10_000)), max_size=5))
def test_the_scale_is_bounded_whatever_comes(rows: list[np.ndarray]) -> None:
    adaptive = fresh(2)
    for row, counts in enumerate(rows):
        adaptive.put(START + row * WINDOW, 1, counts)
    found = adaptive.at(START + len(rows) * WINDOW)
    assert np.all((found >= LEAST_SCALE) & (found <= LARGEST_SCALE))


@settings(deadline=None)
@given(one=st.floats(0.1, 10), more=st.floats(1, 5))
def test_larger_errors_never_narrow_intervals(one: float, more: float) -> None:
    found = []
    for factor in (one, one * more):
        adaptive = fresh(1)
        adaptive.put(START, 1, histogram(factor * calibrated(SENSORS, 1)))
        found.append(adaptive.at(START)[0])
    assert found[0] <= found[1] + 1e-9


@settings(deadline=None, max_examples=5, phases=[Phase.explicit, Phase.generate])
@given(after=st.floats(0.6, 2.2), bias=st.floats(-0.4, 0.4), seed=st.integers(0, 100))
def test_coverage_converges_under_drift(after: float, bias: float, seed: int) -> None:
    """Errors become larger or smaller, and biased. Coverage is better within hours, back to nine in ten in a day."""
    origins, change, sensors = 3 * 288, 288, 30
    changed = (np.arange(origins) >= change)[:, None, None]
    error = np.random.default_rng(seed).laplace(0, 1 / np.log(10), (origins, sensors, 3))
    scores = np.abs(error * np.where(changed, after, 1.0) + np.where(changed, bias, 0.0))
    scales = ScaleReplay(fresh(3)).scales([START + row * WINDOW for row in range(origins)], scores)

    def gap(widths: np.ndarray, first: int, last: int) -> float:
        return float(np.abs((scores <= widths)[first:last].mean(axis=(0, 1)) - COVERAGE).max())

    offline = np.ones_like(scales)
    assert gap(scales, 0, change) < 0.02
    assert gap(scales, change + 36, change + 288) < 0.6 * gap(offline, change + 36, change + 288) + 0.02
    assert gap(scales, change + 288, origins) < 0.025


def test_a_replay_knows_no_label_before_its_time() -> None:
    origins = [START + row * WINDOW for row in range(40)]
    scores = RNG.exponential(0.4, (40, SENSORS, HORIZONS))
    before = ScaleReplay(fresh()).scales(origins, scores)
    for changed in (10, 25):
        other = scores.copy()
        other[changed] *= 5
        after = ScaleReplay(fresh()).scales(origins, other)
        for horizon in range(HORIZONS):
            known = changed + horizon + 1
            np.testing.assert_array_equal(before[:known, 0, horizon], after[:known, 0, horizon])
            assert np.all(before[known, 0, horizon] < after[known, 0, horizon])


def test_a_replay_in_pieces_is_the_same() -> None:
    origins = [START + row * WINDOW for row in range(50)]
    scores = RNG.exponential(0.4, (50, SENSORS, HORIZONS))
    whole, pieces = ScaleReplay(fresh()), ScaleReplay(fresh())
    found = np.concatenate([pieces.scales(origins[at : at + 7], scores[at : at + 7]) for at in range(0, 50, 7)])
    np.testing.assert_array_equal(whole.scales(origins, scores), found)


def test_a_score_is_how_many_offline_half_widths_a_forecast_was_off() -> None:
    predicted, lower, upper = (np.full((5, 1), speed) for speed in (50.0, 40.0, 55.0))
    actual = np.array([[45.0], [60.0], [50.0], [np.nan], [30.0]])
    np.testing.assert_allclose(
        score(predicted, lower, upper, actual, np.array([1.5])).ravel(), [0.75, 3.0, 0.0, np.nan, 3.0]
    )


def test_scores_are_the_same_whatever_scale_the_intervals_were_published_with() -> None:
    predicted, actual = RNG.uniform(40, 60, (2, 30, HORIZONS))
    plain = score(predicted, predicted - 8, predicted + 4, actual, np.ones(HORIZONS))
    wide = score(predicted, predicted - 16, predicted + 8, actual, np.full(HORIZONS, 2.0))
    np.testing.assert_allclose(wide, plain)


def test_a_histogram_counts_every_score_once_and_nothing_for_none() -> None:
    scores = np.array([[0.0, 1.0], [np.nan, 1e9], [0.99, np.nan], [5.0, 0.3]])
    counts = histogram(scores)
    assert counts.shape == (2, BINS)
    np.testing.assert_array_equal(counts.sum(axis=1), 3)
    assert counts[0, 0] == 1
    assert counts[0, -1] == 1
    assert counts[1, 1] == 1
    assert counts[1, -1] == 1
