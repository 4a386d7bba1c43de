import numpy as np
import pytest

from shared.events.quantities import FREE_FLOW_MPH
from shared.forecasting.calibration.congestion import CONGESTED_SHARE, Congestion, congested_below
from shared.forecasting.calibration.context import Context
from shared.forecasting.calibration.spread import Uncertainty
from shared.forecasting.inputs.signs import Signs

SENSORS, HORIZONS = 5, 3
BELOW = np.full(SENSORS, 42.0)


def test_congestion_is_below_a_share_of_free_flow() -> None:
    speeds = np.linspace(10.0, 70.0, 101)[:, None]
    assert congested_below(speeds)[0] == CONGESTED_SHARE * np.percentile(speeds, 85)


def test_a_sensor_without_history_is_taken_for_a_freeway() -> None:
    speeds = np.column_stack([np.full(10, 40.0), np.full(10, np.nan)])
    np.testing.assert_allclose(congested_below(speeds), CONGESTED_SHARE * np.array([40.0, FREE_FLOW_MPH]))


def queueing(seed: int, origins: int = 4000) -> tuple[Context, np.ndarray]:
    """Free flow is forecast; where the road downstream is slow, one in three forecasts ends in a queue."""
    rng = np.random.default_rng(seed)
    shape = (origins, SENSORS, HORIZONS)
    predicted = rng.normal(62, 2, shape)
    queue_ahead = rng.random(shape[:2]) < 0.1
    now = predicted[..., 0] + rng.normal(0, 1, shape[:2])
    none = np.zeros(shape[:2])
    signs = Signs(now, none, none, np.where(queue_ahead, 25.0, 61.0), now, predicted)
    caught = (queue_ahead & (rng.random(shape[:2]) < 0.33))[..., None]
    actual = np.where(caught, rng.normal(30, 3, shape), predicted + rng.normal(0, 2, shape))
    return Context(predicted, np.zeros(shape), np.full(shape[:2], 12), signs), actual


def test_chances_of_congestion_hold() -> None:
    context, actual = queueing(1)
    fitted = Congestion.fit(context, actual, BELOW)
    context, actual = queueing(2)
    chance, slow = fitted.chance(context), actual < BELOW[:, None]
    ahead = context.signs.downstream_mph < 40  # type: ignore[union-attr] # it has signs
    assert chance[ahead].mean() == pytest.approx(slow[ahead].mean(), abs=0.05)
    assert chance[~ahead].max() < 0.05
    assert np.mean((chance - slow) ** 2) < 0.9 * slow.mean() * (1 - slow.mean())


def test_intervals_reach_down_to_the_onsets_where_one_may_come_and_nowhere_else() -> None:
    context, actual = queueing(1)
    fitted = Uncertainty.fit(context, actual, below_mph=BELOW)
    other, truth = queueing(2)
    bounds = fitted.bounds(other)
    ahead = other.signs.downstream_mph < 40  # type: ignore[union-attr] # it has signs
    onset = truth < BELOW[:, None]
    assert (bounds.lower_mph <= truth)[onset].mean() > 0.7
    assert (bounds.upper_mph - bounds.lower_mph)[~ahead].mean() < 10
    assert 0.88 < ((bounds.lower_mph <= truth) & (truth <= bounds.upper_mph)).mean() < 0.95


def test_without_signs_the_forecast_alone_tells() -> None:
    context, actual = queueing(1)
    blind = Context(context.predicted, context.disagreement, context.observed)
    fitted = Congestion.fit(context, actual, BELOW)
    assert np.isfinite(fitted.chance(blind)).all()


def test_what_never_happened_has_a_small_chance_and_no_forecast_has_none() -> None:
    context, actual = queueing(1, 200)
    context.predicted[0, 0] = np.nan
    chance = Congestion.fit(context, np.maximum(actual, 50.0), BELOW).chance(context)
    assert np.isnan(chance[0, 0]).all()
    assert np.nanmax(chance) < 0.01


def test_an_artefact_keeps_the_same_chances_and_a_stranger_is_like_the_median() -> None:
    context, actual = queueing(1)
    fitted = Congestion.fit(context, actual, np.arange(SENSORS, dtype=np.float64) + 40.0)
    again = Congestion.of_tensors(fitted.tensors(), np.array([0, 1, -1, 3, 4]))
    np.testing.assert_array_equal(again.chance(context)[:, [0, 1, 3, 4]], fitted.chance(context)[:, [0, 1, 3, 4]])
    assert again.below_mph[2] == 42.0
    with pytest.raises(ValueError, match="another release"):
        Congestion.of_tensors({**fitted.tensors(), "congestion_weights": np.zeros((3, 2))}, np.arange(SENSORS))
