from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np
import pytest

from services.predictor.artefact import unpack
from services.predictor.forecasting import Forecasting
from services.predictor.models.forecaster import Forecaster
from services.predictor.training.train import Trained
from shared.events.avro import codec
from shared.events.records import TrafficPrediction
from shared.networks.network import Network
from shared.windows import Step

MakeStep = Callable[..., Step]


@pytest.fixture(scope="session")
def models(network: Network, trained: Trained) -> Mapping[str, Forecaster]:
    return {name: unpack(one, name, trained.version, network) for name, one in trained.artefacts.items()}


def by_sensor(predictions: list[TrafficPrediction]) -> dict[str, TrafficPrediction]:
    assert len({one.sensor_id for one in predictions}) == len(predictions)
    return {str(one.sensor_id): one for one in predictions}


def test_every_sensor_with_history_gets_all_horizons(
    network: Network, models: Mapping[str, Forecaster], trained: Trained, step_of: MakeStep
) -> None:
    step = step_of(200)
    predictions = by_sensor(Forecasting(network).forecast(step, models))
    assert set(predictions) == {"S0", "S1", "S2"}
    one = predictions["S0"]
    assert (one.model_name, one.model_version, one.revision) == ("linear_regression", trained.version, 48)
    assert one.timestamp == step.window_end
    assert [each.horizon_minutes for each in one.horizons] == list(range(5, 65, 5))
    assert [each.target_timestamp - one.timestamp for each in one.horizons] == [
        timedelta(minutes=ahead) for ahead in range(5, 65, 5)
    ]
    for each in one.horizons:
        assert 0 <= each.lower_speed_mph <= each.predicted_speed_mph <= each.upper_speed_mph
        assert 0 <= each.confidence_score <= 1
    assert codec(TrafficPrediction).decode(codec(TrafficPrediction).encode(one)) == one


def test_a_sensor_with_too_little_history_gets_the_historical_average(
    network: Network, models: Mapping[str, Forecaster], trained: Trained, step_of: MakeStep
) -> None:
    speeds = np.full((12, 4), 55.0)
    speeds[:7, 1] = np.nan
    predictions = by_sensor(Forecasting(network).forecast(step_of(200, speeds), models))
    assert predictions["S0"].model_name == "linear_regression"
    assert predictions["S1"].model_name == "historical_average"
    assert predictions["S1"].model_version == trained.version
    speeds[6, 1] = 55.0
    predictions = by_sensor(Forecasting(network).forecast(step_of(200, speeds), models))
    assert predictions["S1"].model_name == "linear_regression"


def test_a_sensor_that_training_did_not_know_is_forecast_from_the_stream(
    network: Network, models: Mapping[str, Forecaster], step_of: MakeStep
) -> None:
    predictions = by_sensor(Forecasting(network).forecast(step_of(200, np.full((12, 4), 48.0)), models))
    new = predictions["S3"]
    assert (new.model_name, new.model_version) == ("historical_average", "from-stream")
    assert new.horizons[0].predicted_speed_mph == 48.0


def test_without_any_model_the_stream_is_all_there_is(network: Network, step_of: MakeStep) -> None:
    forecasting = Forecasting(network)
    speeds = np.full((12, 4), 40.0)
    speeds[:, 2] = np.nan
    predictions = by_sensor(forecasting.forecast(step_of(200, speeds), {}))
    assert set(predictions) == {"S0", "S1", "S3"}
    assert {one.model_name for one in predictions.values()} == {"historical_average"}
    repeated = by_sensor(forecasting.forecast(step_of(200, speeds), {}))
    assert repeated == predictions


def test_nothing_known_is_no_prediction(network: Network, step_of: MakeStep) -> None:
    assert Forecasting(network).forecast(step_of(200, np.full((12, 4), np.nan)), {}) == []


def test_a_current_speed_that_is_missing_is_none(
    network: Network, models: Mapping[str, Forecaster], step_of: MakeStep
) -> None:
    speeds = np.full((12, 4), 55.0)
    speeds[-1, 0] = np.nan
    predictions = by_sensor(Forecasting(network).forecast(step_of(200, speeds), models))
    assert predictions["S0"].current_speed_mph is None
    assert predictions["S1"].current_speed_mph == 55.0
