from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from shared.events.avro import codec
from shared.events.records import PredictionBasis, TrafficPrediction
from shared.forecasting.calibration.spread import Context
from shared.forecasting.forecasting import SILENT_FACTOR, Forecasting
from shared.forecasting.inputs.history import HORIZONS, Batch, batch_of
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE, LINEAR_REGRESSION, XGBOOST
from shared.forecasting.predictions import records_of
from shared.forecasting.registry.loading import Served, open_model
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.steps import Step

MakeStep = Callable[..., Step]
VERSION = "20260302"


@pytest.fixture(scope="session")
def served(network: Network, artefacts: Mapping[str, Artefact]) -> Mapping[str, Served]:
    return {name: open_model(one, name, VERSION, network) for name, one in artefacts.items()}


@pytest.fixture(scope="session")
def models(served: Mapping[str, Served]) -> Serving:
    ranked = served[LINEAR_REGRESSION], served[HISTORICAL_AVERAGE]
    return Serving(ranked, {one.key: one for one in ranked})


def predictions(network: Network, step: Step, models: Serving, *, challengers: bool = True) -> list[TrafficPrediction]:
    return records_of(step, Forecasting(network).forecast(step, models, challengers=challengers))


def by_sensor(found: list[TrafficPrediction]) -> dict[str, TrafficPrediction]:
    """Those that serve."""
    serving = [one for one in found if one.serving]
    assert len({one.sensor_id for one in serving}) == len(serving)
    return {str(one.sensor_id): one for one in serving}


@dataclass
class Fixed:
    """A model that always says one speed, of some sensors, and counts how often it is asked."""

    name: str
    speed_mph: float
    sensors: tuple[int, ...] = (0, 1, 2, 3)
    version: str = "1"
    asked: int = 0

    def predict(self, batch: Batch) -> Floats:
        self.asked += 1
        predicted = np.full((len(batch.speed_mph), len(batch.network.sensors), HORIZONS), np.nan)
        predicted[:, list(self.sensors)] = self.speed_mph
        return predicted


@dataclass
class Mean:
    members: Mapping[str, str]
    name: str = ENSEMBLE
    version: str = "e"

    def combine(self, predicted: Mapping[str, Floats]) -> Floats:
        mean: Floats = np.mean(list(predicted.values()), axis=0)
        return mean

    def disagreement(self, predicted: Mapping[str, Floats]) -> Floats:
        spread: Floats = np.std(list(predicted.values()), axis=0)
        return spread


def test_every_sensor_with_history_gets_all_horizons(network: Network, models: Serving, step_of: MakeStep) -> None:
    step = step_of(200)
    found = by_sensor(predictions(network, step, models))
    assert set(found) == {"S0", "S1", "S2"}
    one = found["S0"]
    assert (one.model_name, one.model_version, one.revision) == ("linear_regression", VERSION, 48)
    assert one.timestamp == step.window_end
    assert [each.horizon_minutes for each in one.horizons] == list(range(5, 65, 5))
    assert [each.target_timestamp - one.timestamp for each in one.horizons] == [
        timedelta(minutes=ahead) for ahead in range(5, 65, 5)
    ]
    for each in one.horizons:
        assert 0 <= each.lower_speed_mph <= each.predicted_speed_mph <= each.upper_speed_mph
        assert 0 <= each.confidence_score <= 1
        assert each.congestion_probability is not None
        assert 0 <= each.congestion_probability <= 1
    assert codec(TrafficPrediction).decode(codec(TrafficPrediction).encode(one)) == one


def test_challengers_run_beside_the_champion_and_do_not_serve(
    network: Network, models: Serving, step_of: MakeStep
) -> None:
    found = predictions(network, step_of(200), models)
    assert {(one.model_name, one.serving, one.basis) for one in found} == {
        ("linear_regression", True, PredictionBasis.TRAINED),
        ("historical_average", False, PredictionBasis.PROFILE),
    }
    assert len(found) == 6
    alone = predictions(network, step_of(200), models, challengers=False)
    assert alone == [one for one in found if one.serving]


def test_a_sensor_that_the_champion_cannot_tell_is_served_by_the_next_that_can(
    network: Network, served: Mapping[str, Served], step_of: MakeStep
) -> None:
    knows = np.array([True, True, True, False])
    champion, challenger = Fixed(XGBOOST, 50.0, (0, 1)), Fixed(LINEAR_REGRESSION, 40.0, (1, 2, 3))
    ranked = [replace(served[LINEAR_REGRESSION], model=model, known=knows) for model in (champion, challenger)]
    models = Serving(tuple(ranked), {one.key: one for one in ranked})
    for challengers, told in ((True, 5), (False, 4)):
        found = predictions(network, step_of(200), models, challengers=challengers)
        assert len(found) == told
        speaks = {sensor: (one.model_name, one.basis.value) for sensor, one in by_sensor(found).items()}
        assert speaks == {
            "S0": ("xgboost", "trained"),
            "S1": ("xgboost", "trained"),
            "S2": ("linear_regression", "trained"),
            "S3": ("linear_regression", "transferred"),
        }


def test_members_of_an_ensemble_are_asked_once_whether_they_are_challengers_or_not(
    network: Network, served: Mapping[str, Served], step_of: MakeStep
) -> None:
    one, other = Fixed(XGBOOST, 50.0), Fixed(LINEAR_REGRESSION, 40.0, version="0")
    like = served[LINEAR_REGRESSION]
    ensemble, challenger, member = (
        replace(like, model=model) for model in (Mean({XGBOOST: "1", LINEAR_REGRESSION: "0"}), one, other)
    )
    loaded = {each.key: each for each in (ensemble, challenger, member)}
    models = Serving((ensemble, challenger), loaded)
    found = predictions(network, step_of(200), models)
    assert (one.asked, other.asked) == (1, 1)
    assert {(each.model_name, each.horizons[0].predicted_speed_mph, each.serving) for each in found} == {
        ("ensemble", 45.0, True),
        ("xgboost", 50.0, False),
    }
    predictions(network, step_of(200), models, challengers=False)
    assert (one.asked, other.asked) == (2, 2)


def test_a_sensor_with_too_little_history_is_forecast_and_says_so(
    network: Network, models: Serving, step_of: MakeStep
) -> None:
    speeds = np.full((12, 4), 55.0) + np.arange(12)[:, None] / 10
    speeds[:7, 1] = np.nan
    found = by_sensor(predictions(network, step_of(200, speeds), models))
    assert found["S0"].basis is PredictionBasis.TRAINED
    assert (found["S1"].model_name, found["S1"].basis) == ("linear_regression", PredictionBasis.IMPUTED)
    speeds[6, 1] = 55.0
    found = by_sensor(predictions(network, step_of(200, speeds), models))
    assert found["S1"].basis is PredictionBasis.TRAINED


def test_a_sensor_that_is_stuck_is_forecast_as_if_it_were_silent(
    network: Network, models: Serving, step_of: MakeStep
) -> None:
    speeds = np.full((12, 4), 55.0) + np.arange(12)[:, None] / 10
    silent = speeds.copy()
    speeds[:, 1], silent[:, 1] = 37.0, np.nan
    stuck = by_sensor(predictions(network, step_of(200, speeds), models))["S1"]
    assert (stuck.basis, stuck.current_speed_mph) == (PredictionBasis.IMPUTED, 37.0)
    assert stuck.horizons == by_sensor(predictions(network, step_of(200, silent), models))["S1"].horizons


def lively(mean_mph: float) -> Floats:
    """Twelve windows of four sensors at a mean speed; none repeats itself, as stuck ones do."""
    return np.full((12, 4), mean_mph) + np.where(np.arange(12) % 2, 0.5, -0.5)[:, None]


def test_a_sensor_that_training_did_not_know_is_forecast_from_the_stream(
    network: Network, models: Serving, step_of: MakeStep
) -> None:
    new = by_sensor(predictions(network, step_of(200, lively(48.0)), models))["S3"]
    assert (new.model_name, new.model_version, new.basis) == (
        "historical_average",
        "from-stream",
        PredictionBasis.PROFILE,
    )
    assert new.horizons[0].predicted_speed_mph == pytest.approx(48.0, abs=0.1)


def test_without_any_model_the_stream_is_all_there_is(network: Network, step_of: MakeStep) -> None:
    forecasting = Forecasting(network)
    speeds = lively(40.0)
    speeds[:, 2] = np.nan
    step = step_of(200, speeds)
    found = by_sensor(records_of(step, forecasting.forecast(step, Serving())))
    assert set(found) == {"S0", "S1", "S3"}
    assert {one.model_name for one in found.values()} == {"historical_average"}
    repeated = by_sensor(records_of(step, forecasting.forecast(step, Serving())))
    assert repeated == found


def test_nothing_known_is_no_prediction(network: Network, step_of: MakeStep) -> None:
    assert predictions(network, step_of(200, np.full((12, 4), np.nan)), Serving()) == []


def test_a_current_speed_that_is_missing_is_none(network: Network, models: Serving, step_of: MakeStep) -> None:
    speeds = np.full((12, 4), 55.0)
    speeds[-1, 0] = np.nan
    found = by_sensor(predictions(network, step_of(200, speeds), models))
    assert found["S0"].current_speed_mph is None
    assert found["S1"].current_speed_mph == 55.0


def test_earlier_origins_are_forecast_again_from_a_longer_step(
    network: Network, models: Serving, step_of: MakeStep, history: object
) -> None:
    longer = step_of(200, history.speed_mph[201 - 24 : 201])  # type: ignore[attr-defined]
    (again, *_) = Forecasting(network).of_batch(batch_of(longer, ages=range(12)), models)
    for age in (0, 5, 11):
        (then, *_) = Forecasting(network).forecast(step_of(200 - age), models)
        np.testing.assert_allclose(again.predicted_mph[age], then.predicted_mph[0])
        np.testing.assert_allclose(again.bounds.upper_mph[age], then.bounds.upper_mph[0])


def test_what_is_said_of_a_silent_network_rests_on_usual_speeds_and_is_less_sure_than_these(
    network: Network, models: Serving, step_of: MakeStep
) -> None:
    silent = step_of(600, np.full((12, len(network.sensors)), np.nan))
    champion = Forecasting(network).forecast(silent, models)[0]
    assert champion.serving[0, :3].all()
    assert {one.basis for one in records_of(silent, [champion])} == {PredictionBasis.PROFILE}
    context = Context(champion.predicted_mph, np.zeros_like(champion.predicted_mph), np.zeros((1, 4), dtype=np.intp))
    instead = models.ranked[1].uncertainty.bounds(context, np.full(HORIZONS, SILENT_FACTOR))
    np.testing.assert_array_equal(champion.bounds.upper_mph, instead.upper_mph)
    np.testing.assert_array_equal(champion.bounds.confidence, instead.confidence)
    as_calibrated = models.ranked[1].uncertainty.bounds(context)
    reach, wider = (each.upper_mph - context.predicted for each in (as_calibrated, champion.bounds))
    np.testing.assert_allclose(wider, SILENT_FACTOR * reach)
    assert (champion.bounds.confidence < as_calibrated.confidence)[0, :3].all()
    one_speaks = silent.speed_mph.copy()
    one_speaks[-1, 0] = 50.0
    heard = Forecasting(network).forecast(step_of(600, one_speaks), models)[0]
    assert {one.basis for one in records_of(silent, [heard]) if one.serving} == {PredictionBasis.IMPUTED}


def test_silence_and_speech_in_one_batch_are_told_apart(network: Network, models: Serving, step_of: MakeStep) -> None:
    silent = step_of(600, np.full((12, len(network.sensors)), np.nan))
    batches = [batch_of(one) for one in (silent, step_of(600))]
    one, other = batches
    both = replace(
        one,
        speed_mph=np.concatenate([one.speed_mph, other.speed_mph]),
        lag_slots=np.concatenate([one.lag_slots, other.lag_slots]),
        ahead_slots=np.concatenate([one.ahead_slots, other.ahead_slots]),
        days=np.concatenate([one.days, other.days]),
    )
    together = Forecasting(network).of_batch(both, models)[0]
    for place, batch in enumerate(batches):
        alone = Forecasting(network).of_batch(batch, models)[0]
        np.testing.assert_array_equal(together.basis[place], alone.basis[0])
        np.testing.assert_allclose(together.bounds.lower_mph[place], alone.bounds.lower_mph[0])


def test_windows_that_come_after_a_silence_was_told_are_shown_to_the_average_of_the_stream(
    network: Network, step_of: MakeStep
) -> None:
    step = step_of(600)
    silent = replace(
        step,
        speed_mph=np.concatenate([step.speed_mph[:-1], np.full((1, len(network.sensors)), np.nan)]),
        revisions=np.concatenate([step.revisions[:-1], np.zeros((1, len(network.sensors)), dtype=np.int64)]),
    )
    late, in_time = Forecasting(network), Forecasting(network)
    late.forecast(silent, Serving())
    (found,), (wanted,) = (one.forecast(step, Serving()) for one in (late, in_time))
    np.testing.assert_array_equal(found.predicted_mph, wanted.predicted_mph)
