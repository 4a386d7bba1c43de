from collections.abc import Callable, Mapping
from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
from safetensors.numpy import load

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from shared.archive.layout import MODEL_FILE
from shared.events.errors import ModelError
from shared.events.records import SensorId
from shared.forecasting.calibration.spread import Context
from shared.forecasting.inputs.history import HORIZONS, Batch, batch_of
from shared.forecasting.inputs.links import sides_of
from shared.forecasting.models.artefact import Artefact, pack
from shared.forecasting.models.forecaster import Combiner
from shared.forecasting.models.historical_average import StreamAverage
from shared.forecasting.models.linear_features import COUNT, features
from shared.forecasting.models.linear_regression import LinearRegression
from shared.forecasting.registry.loading import Model, open_model
from shared.traffic.arrays import Floats
from shared.traffic.health.rules import Doubt
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentSpeeds

MakeStep = Callable[..., Step]
Artefacts = Mapping[str, Artefact]
VERSION = "20260302"


def opened(network: Network, artefacts: Artefacts, name: str = "linear_regression") -> Model:
    return open_model(artefacts[name], name, VERSION, network).model


def predict(model: Model, batch: Batch) -> Floats:
    assert not isinstance(model, Combiner)
    return model.predict(batch)


def test_there_are_as_many_features_as_are_counted(network: Network, recorded: Recorded) -> None:
    view, sides = recorded.view(np.arange(100, 105)), sides_of(network)
    rows = features(view, sides)
    assert rows.shape == (5, 4, COUNT)
    assert np.isfinite(rows).all()
    for some in (np.array([1, 2]), np.array([3]), np.arange(4)):
        near, needed = sides.around(some)
        there = features(recorded.view(np.arange(100, 105), needed), near, slice(0, len(some)))
        np.testing.assert_array_equal(there, rows[:, some])


def test_a_few_sensors_of_a_large_network_need_their_neighbourhood_alone(network: Network) -> None:
    near, needed = sides_of(network).around(np.array([3]))
    assert needed[0] == 3
    assert len(needed) == 1 + len({*needed[1:].tolist()} - {3})
    for side in (near.downstream, near.upstream):
        assert side.rows.shape[0] == 1
        assert side.rows.max() < len(needed)


def test_some_sensors_of_a_recording_are_seen_as_among_all(recorded: Recorded) -> None:
    origins, some = np.arange(50, 60), np.array([2, 0])
    whole, part = recorded.view(origins), recorded.view(origins, some)
    for name in ("speed_mph", "usual_mph", "ahead_mph", "recent_mph"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[..., some])
    np.testing.assert_array_equal(recorded.actual(origins, some), recorded.actual(origins)[:, some])


def test_serving_forecasts_what_training_tested(
    network: Network, recorded: Recorded, split: Split, artefacts: Artefacts, step_of: MakeStep
) -> None:
    model, recent, learned = opened(network, artefacts), RecentSpeeds(network), 0
    origins = np.arange(split.train + 24, recorded.origins, 97)
    together = predict(model, recorded.batch(origins))
    for place, origin in enumerate(origins.tolist()):
        windows = range(learned, origin + 12)
        starts = [recorded.start + row * network.window for row in windows]
        for row in recent.rows_of(starts, recorded.speed_mph[windows.start : windows.stop]):
            recent.learn(row)
        learned = windows.stop
        batch = batch_of(step_of(origin + 11), recent=recent)
        np.testing.assert_allclose(predict(model, batch)[0], together[place])


def test_a_sensor_without_history_gets_no_linear_forecast(
    network: Network, artefacts: Artefacts, step_of: MakeStep
) -> None:
    predicted = predict(opened(network, artefacts), batch_of(step_of(300)))
    assert predicted.shape == (1, 4, HORIZONS)
    assert np.isnan(predicted[0, -1]).all()
    assert np.isfinite(predicted[0, :-1]).all()


def test_missing_windows_are_the_usual_and_no_nan(network: Network, artefacts: Artefacts, step_of: MakeStep) -> None:
    for name in ("linear_regression", "historical_average"):
        predicted = predict(opened(network, artefacts, name), batch_of(step_of(300, np.full((12, 4), np.nan))))
        assert np.isfinite(predicted[0, :-1]).all()


def test_forecasts_stay_between_standstill_and_the_highest_speed_known(
    network: Network, artefacts: Artefacts, step_of: MakeStep
) -> None:
    model = opened(network, artefacts)
    assert isinstance(model, LinearRegression)
    for extreme in (0.0, 120.0):
        predicted = model.predict(batch_of(step_of(300, np.full((12, 4), extreme))))[0, :-1]
        assert np.all((predicted >= 0) & (predicted <= model.ceiling_mph[:-1, None]))


def test_weights_of_another_shape_do_not_fit(network: Network, artefacts: Artefacts) -> None:
    tensors = dict(load(artefacts["linear_regression"].files[MODEL_FILE]))
    tensors["weights"] = np.zeros((4, COUNT - 1, HORIZONS), dtype=np.float32)
    with pytest.raises(ModelError, match="weights"):
        open_model(pack("linear_regression", "v", network, tensors), "linear_regression", "v", network)


def test_a_model_serves_a_network_whose_sensors_have_changed(
    network: Network, artefacts: Artefacts, step_of: MakeStep
) -> None:
    new = replace(network.sensors[0], sensor_id=SensorId("NEW"), postmile=0.5)
    changed = replace(network, sensors=(network.sensors[2], new, network.sensors[0]), edges=())
    served = open_model(artefacts["linear_regression"], "linear_regression", VERSION, changed)
    assert served.known.tolist() == [True, False, True]
    step = step_of(300)
    speeds = np.stack([step.speed_mph[:, 2], np.full(12, 50.0), step.speed_mph[:, 0]], axis=1)
    # The new one repeats itself, and is not believed.
    doubts = np.zeros(speeds.shape, dtype=np.int8)
    doubts[:, 1] = Doubt.STUCK
    predicted = predict(served.model, batch_of(replace(step, network=changed, speed_mph=speeds), doubts=doubts))
    assert np.isnan(predicted[0, 1]).all()
    alone = predict(opened(replace(network, edges=()), artefacts), batch_of(replace(step, network=network)))
    assert np.abs(predicted[0, [0, 2]] - alone[0, [2, 0]]).max() < 5.0


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
    assert np.all(morning[0, 0] == 30.0)
    assert np.all(noon[0, 0] == 45.0)
    assert np.isnan(noon[0, 1]).all()


def test_the_stream_average_grows_surer(network: Network) -> None:
    average = StreamAverage(network)
    flat = np.full((1, 4, HORIZONS), 50.0)
    context = Context(flat, np.zeros_like(flat), np.full((1, 4), 12))
    average.learn(np.full((1, 4), 50.0), np.array([0]))
    early = average.bounds(context)
    average.learn(np.full((500, 4), 50.0), np.zeros(500, dtype=np.intp))
    late = average.bounds(context)
    assert np.all(early.upper_mph - early.lower_mph > late.upper_mph - late.lower_mph)
    assert np.all(early.confidence < late.confidence)
    spread = (late.upper_mph[0, 0, 0] - 50.0) / 1.6449
    assert late.confidence[0, 0, 0] == pytest.approx(erf(5 / (spread * sqrt(2))))
