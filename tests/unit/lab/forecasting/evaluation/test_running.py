import json
from collections.abc import Callable

import numpy as np
import pytest

from metrla.lab.forecasting.evaluation.disturbances import disturbances
from metrla.lab.forecasting.evaluation.plots import draw
from metrla.lab.forecasting.evaluation.report import page
from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.evaluation.running import Course
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from shared.events.errors import ModelError
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import LAGS
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, LINEAR_REGRESSION
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Network
from tests.kit.accuracy import accuracy

Load = Callable[[Network], Serving]


@pytest.fixture(scope="module")
def figures(recorded: Recorded, split: Split, load: Load) -> Json:
    course, origins = Course(recorded), np.arange(split.train + split.validation, split.origins)
    found = course.judge(load(recorded.network), origins).figures("test")
    found["robustness"] = {
        case.name: course.judge(load(case.network), origins[::20], disturbed=case).disturbed(case.what)
        for case in disturbances(recorded.network, recorded.speed_mph, 1)
    }
    about = {"network_id": "test", "part": "test", "origins": len(origins), "first_origin": "x", "last_origin": "y"}
    return {**about, "data": {"source": "a test"}, "models": {LINEAR_REGRESSION: {"version": "20260302"}}, **found}


def test_errors_are_those_of_the_predictor_s_own_forecasts(
    recorded: Recorded, split: Split, load: Load, figures: Json
) -> None:
    origins = np.arange(split.train + split.validation, split.origins)
    made = Forecasting(recorded.network).of_batch(recorded.batch(origins), load(recorded.network))[0]
    assert made.name == LINEAR_REGRESSION
    expected = accuracy(made.predicted_mph[..., 2], recorded.actual(origins)[..., 2])
    assert figures["test"][LINEAR_REGRESSION]["15"]["mae"] == pytest.approx(expected.mae_mph, abs=1e-4)


def test_the_baselines_stand_beside_the_models(figures: Json) -> None:
    assert list(figures["test"]) == [LINEAR_REGRESSION, HISTORICAL_AVERAGE, "last_value"]
    assert figures["serving"] == LINEAR_REGRESSION
    mine, last = figures["test"][LINEAR_REGRESSION], figures["test"]["last_value"]
    assert mine["60"]["mae"] < last["60"]["mae"]


def test_the_json_has_the_promised_form(figures: Json) -> None:
    told = json.loads(json.dumps(figures, allow_nan=False))
    assert set(told["test"][LINEAR_REGRESSION]) == {"15", "30", "60"}
    assert set(told["test"][LINEAR_REGRESSION]["15"]) == {"mae", "rmse", "mape"}
    assert list(told["coverage_90"]) == [str(5 * step) for step in range(1, 13)]
    assert 0.5 < told["coverage_90"]["30"] <= 1.0
    assert 0.0 <= told["ece"] < 0.5
    assert list(told["regimes"][LINEAR_REGRESSION]) == ["free_flow", "onset", "congested", "recovery"]
    assert list(told["hours"][LINEAR_REGRESSION]) == [str(hour) for hour in range(24)]
    assert list(told["sensors"][LINEAR_REGRESSION]) == ["S0", "S1", "S2", "S3"]
    assert set(told["reliability"][LINEAR_REGRESSION]) == {"all", "15", "30", "60"}


def test_forecasts_of_a_dead_corridor_are_worse_and_their_intervals_wider(figures: Json) -> None:
    dead = figures["robustness"]["dead_corridor"]["models"][LINEAR_REGRESSION]
    assert dead["affected_pairs"] > 0
    assert dead["affected"]["15"]["mae"] > figures["test"][LINEAR_REGRESSION]["15"]["mae"]


def test_online_scales_bring_coverage_to_ninety_percent(recorded: Recorded, split: Split, load: Load) -> None:
    # The other conftest has calibrated on invented residuals, so that the intervals are wrong offline.
    origins = np.arange(split.train + split.validation, split.origins)
    calibration = (
        Course(recorded).judge(load(recorded.network), origins).figures("test")["calibration"][LINEAR_REGRESSION]
    )
    for minutes in ("15", "30", "60"):
        offline, online = calibration["coverage_90_offline"][minutes], calibration["coverage_90"][minutes]
        assert abs(online - 0.9) < max(abs(offline - 0.9), 0.06)


def test_a_sensor_that_a_model_cannot_tell_counts_with_the_historical_average(
    recorded: Recorded, split: Split, load: Load
) -> None:
    (case,) = (one for one in disturbances(recorded.network, recorded.speed_mph, 1) if one.name == "unseen")
    origins = np.arange(split.train + split.validation, split.origins)[::10]
    judged = Course(recorded).judge(load(case.network), origins, disturbed=case)
    mine, usual = (judged.tallies[name].affected for name in (LINEAR_REGRESSION, HISTORICAL_AVERAGE))
    np.testing.assert_allclose(mine[:4], usual[:4])


def test_progress_is_told(recorded: Recorded, split: Split, load: Load) -> None:
    told: list[tuple[float, float]] = []
    origins = np.arange(split.origins - 60, split.origins)
    Course(recorded).judge(load(recorded.network), origins, lambda done, of: told.append((done, of)))
    assert told == [(48.0, 60.0), (60.0, 60.0)]


def test_without_a_model_there_is_nothing_to_judge(recorded: Recorded) -> None:
    with pytest.raises(ModelError, match="no model"):
        Course(recorded).judge(Serving(), np.arange(3) + LAGS)


def test_the_report_is_one_page_with_its_plots(figures: Json) -> None:
    images = draw(figures)
    assert list(images) == [
        "error-by-horizon",
        "error-by-hour",
        "error-by-regime",
        "error-by-sensor",
        "coverage",
        "reliability",
        "robustness",
    ]
    assert all(image.startswith(b"\x89PNG") for image in images.values())
    text = page(figures, images)
    assert text.count("data:image/png;base64,") == len(images)
    assert "http" not in text
    assert "I-405 N, all 4 sensors" in text
