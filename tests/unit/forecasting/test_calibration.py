import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.forecasting.calibration.conformal import LEAST_HALF_WIDTH_MPH
from shared.forecasting.calibration.spread import UNSEEN_FACTOR, Bounds, Context, Uncertainty

SENSORS, HORIZONS = 6, 3


def drawn(seed: int, origins: int = 6000) -> tuple[Context, np.ndarray]:
    """Errors grow with the horizon, in congestion, with disagreement, without input, and at the last sensor."""
    rng = np.random.default_rng(seed)
    predicted = np.repeat(rng.uniform(10, 70, (origins, SENSORS, 1)), HORIZONS, axis=2)
    apart = rng.exponential(1.0, predicted.shape)
    observed = np.where(rng.random((origins, SENSORS)) < 0.2, 0, 12)
    scale = np.array([1.0, 2.0, 3.0]) * np.where(predicted < 40, 2.0, 1.0) * (1 + apart)
    scale *= (
        np.where(observed == 0, 2.0, 1.0)[..., None] * np.where(np.arange(SENSORS) == SENSORS - 1, 2.0, 1.0)[:, None]
    )
    error = rng.laplace(0, 1, predicted.shape) * scale
    return Context(predicted, apart, observed), np.maximum(predicted + error, 0.0)


@pytest.fixture(scope="module")
def fitted() -> Uncertainty:
    return Uncertainty.fit(*drawn(1))


def covered(bounds: Bounds, actual: np.ndarray) -> np.ndarray:
    return (bounds.lower_mph <= actual) & (actual <= bounds.upper_mph)


def test_intervals_cover_nine_in_ten_whatever_the_circumstances(fitted: Uncertainty) -> None:
    context, actual = drawn(2)
    inside = covered(fitted.bounds(context), actual)
    groups = {
        "slow": context.predicted < 40,
        "fast": context.predicted >= 40,
        "agreed": context.disagreement < 0.5,
        "apart": context.disagreement > 2.0,
        "blind": np.repeat((context.observed == 0)[..., None], HORIZONS, axis=2),
        "seeing": np.repeat((context.observed == 12)[..., None], HORIZONS, axis=2),
        **{f"sensor {n}": np.broadcast_to((np.arange(SENSORS) == n)[:, None], inside.shape) for n in range(SENSORS)},
        **{f"horizon {h}": np.broadcast_to(np.arange(HORIZONS) == h, inside.shape) for h in range(HORIZONS)},
    }
    shares = {name: inside[group].mean() for name, group in groups.items()}
    assert {name: share for name, share in shares.items() if not 0.86 < share < 0.93} == {}


def test_intervals_are_as_wide_as_errors_are_large(fitted: Uncertainty) -> None:
    context, _ = drawn(2)
    bounds = fitted.bounds(context)
    width = bounds.upper_mph - bounds.lower_mph
    fast = (context.predicted >= 50) & (context.observed == 12)[..., None]
    assert width[fast].mean() < 0.7 * width[(context.predicted < 40) & (context.predicted > 30)].mean()
    assert width[fast & (context.disagreement < 0.4)].mean() < 0.7 * width[fast & (context.disagreement > 2.3)].mean()
    assert width[..., -1, :][fast[..., -1, :]].mean() > 1.5 * width[..., 0, :][fast[..., 0, :]].mean()


def test_confidence_is_the_chance_to_be_within_five_mph(fitted: Uncertainty) -> None:
    context, actual = drawn(2)
    confidence = fitted.bounds(context).confidence
    close = np.abs(actual - context.predicted) <= 5
    place = np.minimum((confidence * 10).astype(int), 9)
    gaps = np.array([(close - confidence)[place == bin_].sum() for bin_ in range(10)])
    assert np.abs(gaps).sum() / close.size < 0.015
    assert np.mean((confidence - close) ** 2) < 0.95 * np.mean((close.mean() - close) ** 2)


def test_biased_forecasts_are_covered_and_stay_inside(fitted: Uncertainty) -> None:
    context, actual = drawn(3)
    moved = Uncertainty.fit(context, actual + 8)
    bounds = moved.bounds(context)
    assert (bounds.lower_mph <= context.predicted).all()
    assert 0.88 < covered(bounds, actual + 8).mean() < 0.97
    assert (bounds.upper_mph - context.predicted).mean() > (fitted.bounds(context).upper_mph - context.predicted).mean()


def test_few_forecasts_are_calibrated_as_a_whole() -> None:
    context, actual = drawn(1, origins=40)
    fitted = Uncertainty.fit(context, actual)
    other, truth = drawn(2)
    assert 0.85 < covered(fitted.bounds(other), truth).mean() < 0.97


@pytest.mark.parametrize("origins", [1, 2, 4])
def test_hardly_any_forecasts_do(origins: int) -> None:
    context, actual = drawn(1, origins)
    bounds = Uncertainty.fit(context, actual).bounds(context)
    assert np.isfinite(bounds.upper_mph).all()
    assert ((bounds.confidence > 0) & (bounds.confidence < 1)).all()


def test_input_worse_than_any_held_out_makes_unsure() -> None:
    context, actual = drawn(1)
    full = Context(context.predicted, context.disagreement, np.full_like(context.observed, 12))
    fitted = Uncertainty.fit(full, actual)
    seeing, blind = fitted.bounds(full), fitted.bounds(Context(full.predicted, full.disagreement, 0 * full.observed))
    ratio = (blind.upper_mph - full.predicted) / (seeing.upper_mph - full.predicted)
    assert 0.95 * UNSEEN_FACTOR < np.median(ratio) < 1.05 * UNSEEN_FACTOR
    assert ratio.min() > 1.1
    assert (blind.confidence < seeing.confidence).all()


def test_a_sensor_without_calibration_counts_among_the_hardest(fitted: Uncertainty) -> None:
    rows = np.array([0, 1, -1, 3, 4, 5])
    again = Uncertainty.of_tensors(fitted.tensors(), rows)
    context, actual = drawn(2)
    before, after = fitted.bounds(context), again.bounds(context)
    np.testing.assert_allclose(after.upper_mph[:, 3], before.upper_mph[:, 3], rtol=2e-3)
    assert (after.upper_mph[:, 2] - after.lower_mph[:, 2]).mean() > 1.2 * (before.upper_mph - before.lower_mph)[
        :, 2
    ].mean()
    assert covered(after, actual)[:, 2].mean() > 0.93
    assert after.confidence[:, 2].mean() < before.confidence[:, 2].mean()


def test_sensors_go_by_their_row(fitted: Uncertainty) -> None:
    turned = Uncertainty.of_tensors(fitted.tensors(), np.arange(SENSORS)[::-1])
    np.testing.assert_allclose(turned.tables.factor, fitted.tables.factor[::-1], rtol=2e-3)


def test_a_scale_widens_and_unsettles(fitted: Uncertainty) -> None:
    context, _ = drawn(2, 50)
    plain, same = fitted.bounds(context), fitted.bounds(context, np.ones(HORIZONS))
    np.testing.assert_allclose(same.confidence, plain.confidence, rtol=1e-12)
    double = fitted.bounds(context, np.array([1.0, 1.0, 2.0]))
    np.testing.assert_array_equal(double.upper_mph[..., :2], plain.upper_mph[..., :2])
    np.testing.assert_allclose(
        double.upper_mph[..., 2] - context.predicted[..., 2], 2 * (plain.upper_mph - context.predicted)[..., 2]
    )
    assert (double.confidence[..., 2] < plain.confidence[..., 2]).all()


def test_missing_pairs_do_not_count_and_nothing_at_all_is_an_error() -> None:
    context, actual = drawn(1, 500)
    actual[::2] = np.nan
    context.predicted[1::4] = np.nan
    fitted = Uncertainty.fit(context, actual)
    bounds = fitted.bounds(context)
    for values in (bounds.lower_mph, bounds.upper_mph, bounds.confidence):
        np.testing.assert_array_equal(np.isnan(values), np.isnan(context.predicted))
    with pytest.raises(ValueError, match="no held-out forecast"):
        Uncertainty.fit(context, np.full_like(actual, np.nan))


@settings(deadline=None)
@given(
    predicted=arrays(np.float64, (4, SENSORS, HORIZONS), elements=st.floats(0, 90)),
    apart=arrays(np.float64, (4, SENSORS, HORIZONS), elements=st.floats(0, 90)),
    observed=arrays(np.intp, (4, SENSORS), elements=st.integers(0, 12)),
    scale=st.floats(0.5, 3),
)
def test_an_interval_holds_its_forecast_and_no_negative_speed(
    fitted: Uncertainty, predicted: np.ndarray, apart: np.ndarray, observed: np.ndarray, scale: float
) -> None:
    bounds = fitted.bounds(Context(predicted, apart, observed), np.full(HORIZONS, scale))
    assert np.all((bounds.lower_mph >= 0) & (bounds.lower_mph <= predicted))
    assert np.all(bounds.upper_mph >= predicted + 0.1 * LEAST_HALF_WIDTH_MPH)
    assert np.all((bounds.confidence > 0) & (bounds.confidence < 1))


def test_fitting_twice_gives_the_same_tensors(fitted: Uncertainty) -> None:
    for name, values in Uncertainty.fit(*drawn(1)).tensors().items():
        np.testing.assert_array_equal(values, fitted.tensors()[name])


def test_tensors_of_another_release_are_refused(fitted: Uncertainty) -> None:
    tensors = fitted.tensors()
    rows = np.arange(SENSORS)
    with pytest.raises(KeyError):
        Uncertainty.of_tensors({}, rows)
    for name in ("calibration.odds", "calibration.factor", "calibration.regime_edges_mph"):
        with pytest.raises(ValueError, match="another release"):
            Uncertainty.of_tensors({**tensors, name: tensors[name][..., :-1]}, rows)


def test_a_model_that_is_alone_keeps_no_cells_of_disagreement(fitted: Uncertainty) -> None:
    context, actual = drawn(1)
    alone = Context(context.predicted, np.zeros_like(context.disagreement), context.observed)
    single = Uncertainty.fit(alone, actual)
    kept = single.tensors()
    assert 4 * kept["calibration.odds"].size == fitted.tensors()["calibration.odds"].size
    again = Uncertainty.of_tensors(kept, np.arange(SENSORS))
    np.testing.assert_allclose(again.bounds(alone).upper_mph, single.bounds(alone).upper_mph, rtol=4e-3)
