import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.predictor.calibration import LEAST_RESIDUALS, REGIME_EDGES_MPH, ResidualSpread


def drawn(seed: int, windows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts whose errors grow with the horizon and with congestion."""
    rng = np.random.default_rng(seed)
    predicted = np.repeat(rng.uniform(10, 70, (windows, 5, 1)), 3, axis=2)
    scale = np.array([1.0, 2.0, 4.0]) * np.where(predicted < 50, 3.0, 1.0)
    return predicted, np.maximum(predicted + rng.normal(0, 1, predicted.shape) * scale, 0.0)


def test_intervals_cover_nine_in_ten_at_every_horizon_and_regime() -> None:
    spread = ResidualSpread.fit(*drawn(1))
    predicted, actual = drawn(2)
    for horizon in range(3):
        bounds = spread.bounds(predicted.reshape(-1, 3))
        inside = (bounds.lower_mph <= actual.reshape(-1, 3)) & (actual.reshape(-1, 3) <= bounds.upper_mph)
        for regime in range(len(REGIME_EDGES_MPH) + 1):
            mine = np.digitize(predicted.reshape(-1, 3)[:, horizon], REGIME_EDGES_MPH) == regime
            assert 0.88 < inside[mine, horizon].mean() < 0.92


def test_confidence_is_the_share_within_five_mph() -> None:
    spread = ResidualSpread.fit(*drawn(1))
    predicted, actual = drawn(2)
    flat = predicted.reshape(-1, 3)
    close = np.abs(actual.reshape(-1, 3) - flat) <= 5
    confidence = spread.bounds(flat).confidence
    assert np.abs(close.mean(axis=0) - confidence.mean(axis=0)).max() < 0.02
    assert confidence[:, 0].mean() > confidence[:, 2].mean()


def test_a_thin_regime_takes_all_residuals() -> None:
    predicted, actual = np.full((LEAST_RESIDUALS, 1, 1), 65.0), np.full((LEAST_RESIDUALS, 1, 1), 66.0)
    spread = ResidualSpread.fit(predicted, actual)
    assert np.all(spread.upper_offset_mph == 1.0)
    assert np.all(spread.confidence == 1.0)


def test_missing_pairs_do_not_count_and_nothing_at_all_is_an_error() -> None:
    predicted, actual = drawn(1, 500)
    actual[::2] = np.nan
    ResidualSpread.fit(predicted, actual)
    with pytest.raises(ValueError, match="no held-out forecast"):
        ResidualSpread.fit(predicted, np.full_like(actual, np.nan))


@given(predicted=arrays(np.float64, (4, 3), elements=st.floats(0, 80)))
def test_an_interval_holds_its_forecast_and_no_negative_speed(predicted: np.ndarray) -> None:
    bounds = ResidualSpread.fit(*drawn(3, 50)).bounds(predicted)
    assert np.all((bounds.lower_mph >= 0) & (bounds.lower_mph <= predicted) & (predicted <= bounds.upper_mph))
    assert np.all((bounds.confidence >= 0) & (bounds.confidence <= 1))


def test_tensors_round_trip() -> None:
    spread = ResidualSpread.fit(*drawn(1, 200))
    again = ResidualSpread.of_tensors(spread.tensors())
    np.testing.assert_array_equal(spread.lower_offset_mph, again.lower_offset_mph)
    with pytest.raises(KeyError):
        ResidualSpread.of_tensors({})
