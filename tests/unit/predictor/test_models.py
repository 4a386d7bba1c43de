from collections.abc import Callable
from math import erf, sqrt

import numpy as np
import pytest

from services.predictor.artefact import unpack
from services.predictor.history import HORIZONS, batch_of, week_slots
from services.predictor.models.historical_average import StreamAverage
from services.predictor.models.linear_features import COUNT, Windows, features
from services.predictor.models.linear_regression import LinearRegression
from services.predictor.training.fitting import Recorded, fit_linear_regression
from services.predictor.training.train import Trained
from shared.events.errors import ModelError
from shared.networks.network import Network
from shared.windows import Step

MakeStep = Callable[..., Step]


def test_there_are_as_many_features_as_are_counted() -> None:
    lags = np.zeros((2, 12))
    rows = features(Windows(lags, lags > 0, lags, lags, np.zeros(2), lags, np.zeros(1)))
    assert rows.shape == (2, COUNT)


def test_serving_forecasts_what_training_tested(
    network: Network, history: object, trained: Trained, step_of: MakeStep
) -> None:
    speeds, start = history.speed_mph, history.start  # type: ignore[attr-defined]
    slots = week_slots(network, (start + row * network.window for row in range(len(speeds))))
    recorded = Recorded(network, speeds, slots, train_windows=trained.split.train + 23)
    fit = fit_linear_regression(recorded, trained.split.train, 6, lambda: None)
    model = unpack(trained.artefacts["linear_regression"], "linear_regression", trained.version, network)
    compared = 0
    for origin in range(trained.split.train + 24, recorded.origins, 97):
        batch = batch_of(step_of(origin + 11))
        expected = fit.predicted[origin - trained.split.train]
        told = ~np.isnan(expected).any(axis=1)
        np.testing.assert_allclose(model.predict(batch)[told], expected[told], atol=0.02)
        compared += int(np.count_nonzero(told))
    assert compared > 10


def test_a_sensor_without_history_gets_no_linear_forecast(
    network: Network, trained: Trained, step_of: MakeStep
) -> None:
    model = unpack(trained.artefacts["linear_regression"], "linear_regression", trained.version, network)
    predicted = model.predict(batch_of(step_of(300)))
    assert predicted.shape == (4, HORIZONS)
    assert np.isnan(predicted[-1]).all()
    assert np.isfinite(predicted[:-1]).all()


def test_missing_windows_are_the_usual_and_no_nan(network: Network, trained: Trained, step_of: MakeStep) -> None:
    for name in ("linear_regression", "historical_average"):
        model = unpack(trained.artefacts[name], name, trained.version, network)
        predicted = model.predict(batch_of(step_of(300, np.full((12, 4), np.nan))))
        assert np.isfinite(predicted[:-1]).all()


def test_forecasts_stay_between_standstill_and_the_highest_speed_known(
    network: Network, trained: Trained, step_of: MakeStep
) -> None:
    model = unpack(trained.artefacts["linear_regression"], "linear_regression", trained.version, network)
    assert isinstance(model, LinearRegression)
    for extreme in (0.0, 120.0):
        predicted = model.predict(batch_of(step_of(300, np.full((12, 4), extreme))))[:-1]
        assert np.all((predicted >= 0) & (predicted <= model.ceiling_mph[:-1, None]))


def test_weights_of_another_shape_do_not_fit(network: Network, trained: Trained) -> None:
    model = unpack(trained.artefacts["linear_regression"], "linear_regression", trained.version, network)
    assert isinstance(model, LinearRegression)
    tensors = model.tensors() | {"weights": np.zeros((4, COUNT - 1, HORIZONS))}
    with pytest.raises(ModelError, match="weights"):
        LinearRegression.of_tensors(network, "v", tensors)


def test_the_stream_average_invents_nothing(network: Network, step_of: MakeStep) -> None:
    average = StreamAverage(network)
    assert np.isnan(average.predict(batch_of(step_of(100)))).all()


def test_the_stream_average_is_by_hour_where_seen_and_overall_elsewhere(network: Network, step_of: MakeStep) -> None:
    average = StreamAverage(network)
    eight, nine = np.array([8 * 12]), np.array([9 * 12])
    average.learn(np.array([[30.0, np.nan, 50.0, np.nan]]), eight)
    average.learn(np.array([[60.0, np.nan, 50.0, np.nan]]), nine)
    morning = average.predict(batch_of(step_of(8 * 12 - 1)))
    noon = average.predict(batch_of(step_of(12 * 12)))
    assert np.all(morning[0] == 30.0)
    assert np.all(noon[0] == 45.0)
    assert np.isnan(noon[1]).all()


def test_the_stream_average_grows_surer(network: Network) -> None:
    average = StreamAverage(network)
    predicted = np.full((4, HORIZONS), 50.0)
    average.learn(np.full((1, 4), 50.0), np.array([0]))
    early = average.bounds(predicted)
    average.learn(np.full((500, 4), 50.0), np.zeros(500, dtype=np.intp))
    late = average.bounds(predicted)
    assert np.all(early.upper_mph - early.lower_mph > late.upper_mph - late.lower_mph)
    assert np.all(early.confidence < late.confidence)
    spread = (late.upper_mph[0, 0] - 50.0) / 1.6449
    assert late.confidence[0, 0] == pytest.approx(erf(5 / (spread * sqrt(2))))
