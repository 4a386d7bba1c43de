"""Live scores through the store: restarts, figures, drift, promotion."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.predictor.scorekeeper import Scorekeeper, ScoringPlan
from services.predictor.steps import StepProcessing
from shared.archive.local import LocalArchive
from shared.events.errors import StoreError
from shared.events.records import ProcessedTrafficAggregate
from shared.forecasting.calibration.spread import Context, Uncertainty
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.card import ModelCard
from shared.forecasting.models.historical_average import HistoricalAverage
from shared.forecasting.registry.loading import Served
from shared.forecasting.registry.roles import champions
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.drift import describe_inputs
from shared.forecasting.scoring.scoreboard import Spans
from shared.runtime.metrics import PredictorMetrics
from shared.store.deferred import DeferredStore
from shared.store.port import Store
from shared.store.url import open_store
from shared.traffic.steps import Step
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
HOUR = timedelta(hours=1)
SENSORS, CORRECTABLE = 24, 4
SPEED_MPH = 60.0
NETWORK = network_of(*along("I-5 N", [f"s{place:02}" for place in range(SENSORS)]), network_id="small")


def windows(first: int, last: int, speed_mph: float = SPEED_MPH) -> list[ProcessedTrafficAggregate]:
    found = []
    for number in range(first, last):
        for place, sensor in enumerate(NETWORK.sensors):
            # Never quite the same, for what is the same is stuck.
            speed = speed_mph + 0.1 * (number % 7) + place / 100
            found.append(processed_window(NETWORK.network_id, sensor.sensor_id, START + number * WINDOW, speed))
    return found


@pytest.fixture(scope="module")
def uncertainty() -> Uncertainty:
    rng = np.random.default_rng(3)
    predicted = rng.uniform(30, 70, (400, SENSORS, HORIZONS))
    context = Context(predicted, np.zeros_like(predicted), np.full((400, SENSORS), 12))
    return Uncertainty.fit(context, predicted + rng.normal(0, 3, predicted.shape))


def card(validation_mae_mph: float = 1.0, usual_mph: float = SPEED_MPH) -> dict[str, Any]:
    history = np.random.default_rng(1).uniform(usual_mph, usual_mph + 1, (7 * 288, SENSORS))
    results = {str(5 * ahead): {"mae": validation_mae_mph} for ahead in range(1, HORIZONS + 1)}
    return {"results": {"validation": results}, "inputs": describe_inputs(NETWORK, START, history).model_dump()}


def always(name: str, speed_mph: float, uncertainty: Uncertainty, about: Mapping[str, Any] | None = None) -> Served:
    profile = np.full((2 * 288, SENSORS), speed_mph)
    about_it = ModelCard(about or card())
    return Served(HistoricalAverage("1", profile, name), uncertainty, np.ones(SENSORS, dtype=np.bool_), about_it)


def serving(*ranked: Served) -> Serving:
    return Serving(ranked, {one.key: one for one in ranked})


@dataclass
class Running:
    """One life of a predictor, without its broker."""

    keeper: Scorekeeper
    processor: StepProcessing
    forecasting: Forecasting
    exposed: CollectorRegistry
    models: Serving

    def deliver(self, steps: Iterable[Step], *, challengers: bool = True) -> None:
        for step in steps:
            self.keeper.recover(step, self.forecasting, self.models)
            scores = self.keeper.score(step)
            scales = self.keeper.scales(step)
            forecasts = self.forecasting.forecast(step, self.models, challengers=challengers, scales=scales)
            scores += self.keeper.remember(step, forecasts, challengers=challengers)
            self.keeper.keep(scores)
            self.keeper.report(step, self.models, scales)
            self.keeper.count(scores)

    def handle(self, records: Iterable[ProcessedTrafficAggregate]) -> None:
        for record in records:
            self.deliver(self.processor.handle([record], 0.0))

    def shown(self, name: str, **labels: str) -> float | None:
        return self.exposed.get_sample_value(f"metrla_predictor_{name}", {"network": "small", **labels})


def running(
    store: Store, folder: Path, models: Serving, *, rolling: timedelta = 2 * HOUR, margin: float | None = None
) -> Running:
    exposed = CollectorRegistry()
    plan = ScoringPlan(CORRECTABLE, Spans(rolling, 3 * HOUR), challengers=True, promotion_margin=margin)
    networks = {NETWORK.network_id: NETWORK}
    keeper = Scorekeeper(networks, plan, LocalArchive(folder / "archive"), store, PredictorMetrics(exposed))
    return Running(keeper, StepProcessing(networks, 2.0, CORRECTABLE), Forecasting(NETWORK), exposed, models)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path / 'store'}")) as opened:
        yield opened


def test_figures_are_shown_by_model_and_horizon(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    good, bad = always("xgboost", SPEED_MPH, uncertainty), always("linear_regression", SPEED_MPH - 9, uncertainty)
    life = running(store, tmp_path, serving(good, bad))
    life.handle(windows(0, 40))
    good_mae, bad_mae = (
        life.shown("rolling_mae_mph", model=model, horizon="15") for model in ("xgboost", "linear_regression")
    )
    assert good_mae is not None
    assert good_mae < 1
    assert bad_mae is not None
    assert 8 < bad_mae < 11
    assert life.shown("rolling_bias_mph", model="linear_regression", horizon="60") == pytest.approx(-bad_mae, abs=0.1)
    assert life.shown("rolling_coverage_ratio", model="xgboost", horizon="30") == 1.0
    assert life.shown("rolling_mae_mph", model="xgboost", horizon="5") is None
    scale = life.shown("interval_scale_ratio", model="linear_regression", horizon="30")
    assert scale is not None
    assert scale > 1.0
    assert life.exposed.get_sample_value("metrla_predictor_scores_total", {"model": "xgboost"}) == 39
    life.models = serving(good)
    life.handle(windows(40, 41))
    assert life.shown("rolling_mae_mph", model="linear_regression", horizon="15") is None
    assert life.shown("rolling_mae_mph", model="xgboost", horizon="15") is not None


def test_another_life_goes_on_where_the_first_one_ended(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    models = serving(always("xgboost", SPEED_MPH, uncertainty), always("linear_regression", 55.0, uncertainty))
    records = windows(0, 60)
    undisturbed = running(store, tmp_path, models)
    undisturbed.handle(records)
    wanted = list(store.model_scores())
    with closing(open_store(f"sqlite:///{tmp_path / 'other'}")) as other:
        first = running(other, tmp_path, models)
        cut = 43 * SENSORS + 2
        first.handle(records[:cut])
        second = running(other, tmp_path, models)
        second.processor.rebuild(records[:cut], 0.0)
        steps = second.processor.handle(records[cut:], 0.0)
        second.deliver(steps[:1])
        # The first to come again, and those up to the newest of before; not what came since.
        assert second.keeper.rebuilding(steps[0])
        assert not second.keeper.rebuilding(steps[-1])
        second = running(other, tmp_path, models)
        second.processor.rebuild(records[:cut], 0.0)
        second.handle(records[cut:])
        second.deliver(second.processor.tick(1e9))
        assert list(other.model_scores()) == wanted
        for name in ("rolling_mae_mph", "interval_scale_ratio"):
            for model in ("xgboost", "linear_regression"):
                shown = (life.shown(name, model=model, horizon="60") for life in (undisturbed, second))
                one, two = shown
                assert one is not None
                assert one == two


def test_what_was_scored_and_not_committed_is_forecast_by_all_again(
    store: Store, tmp_path: Path, uncertainty: Uncertainty
) -> None:
    models = serving(always("xgboost", SPEED_MPH, uncertainty), always("linear_regression", 55.0, uncertainty))
    records = windows(0, 53)
    running(store, tmp_path, models).handle(records[: 50 * SENSORS])
    second = running(store, tmp_path, models)
    second.processor.rebuild(records[: 43 * SENSORS], 0.0)
    # The next records are slow to come, so the first step is the earliest that can still change.
    second.deliver(second.processor.tick(1e9))
    new = [step for record in records[43 * SENSORS :] for step in second.processor.handle([record], 0.0)]
    assert [(step.again, second.keeper.rebuilding(step)) for step in new] == [(False, True)] * 7 + [(False, False)] * 3


def test_a_recording_that_is_played_again_is_no_restart(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    models = serving(always("xgboost", SPEED_MPH, uncertainty))
    running(store, tmp_path, models).handle(windows(600, 603))
    second = running(store, tmp_path, models)
    second.handle(windows(0, 2))
    steps = [
        step for record in windows(2 + CORRECTABLE, 3 + CORRECTABLE) for step in second.processor.handle([record], 0.0)
    ]
    (step,) = (step for step in steps if not step.silent)
    assert not second.keeper.rebuilding(step)


def test_without_a_model_the_average_of_the_stream_is_scored(store: Store, tmp_path: Path) -> None:
    life = running(store, tmp_path, Serving())
    life.handle(windows(0, 30))
    assert {(one.model_name, one.model_version) for one in store.model_scores()} == {
        ("historical_average", "from-stream")
    }
    assert life.shown("rolling_mae_mph", model="historical_average", horizon="60") is not None


def test_challengers_that_were_left_out_have_no_score_for_that_origin(
    store: Store, tmp_path: Path, uncertainty: Uncertainty
) -> None:
    models = serving(always("xgboost", SPEED_MPH, uncertainty), always("linear_regression", 55.0, uncertainty))
    life = running(store, tmp_path, models)
    life.handle(windows(0, 20))
    for record in windows(20, 21):
        life.deliver(life.processor.handle([record], 0.0), challengers=False)
    life.handle(windows(21, 22))
    champion, challenger = (
        next(store.model_scores(NETWORK.network_id, name)) for name in ("xgboost", "linear_regression")
    )
    assert [one.horizon_minutes for one in champion.horizons] == [5 * ahead for ahead in range(1, 13)]
    assert [one.horizon_minutes for one in challenger.horizons] == [5 * ahead for ahead in range(2, 13)]


def test_drift_begins_is_counted_once_and_ends(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    life = running(store, tmp_path, serving(always("xgboost", SPEED_MPH, uncertainty)))
    life.handle(windows(0, 40))
    speed = {"kind": "speed", "model": ""}
    error = {"kind": "error", "model": "xgboost"}
    assert life.shown("drifting", **speed) is None
    life.handle(windows(40, 80, speed_mph=30.0))
    for drift in (speed, error):
        assert life.shown("drifting", **drift) == 1
        assert life.shown("drifts_total", **drift) == 1
    index = life.shown("input_stability_index")
    assert index is not None
    assert index > 0.25
    life.handle(windows(80, 150))
    for drift in (speed, error):
        assert life.shown("drifting", **drift) == 0
        assert life.shown("drifts_total", **drift) == 1


def test_the_rule_promotes_the_better_one_once(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    models = serving(always("linear_regression", 55.0, uncertainty), always("xgboost", SPEED_MPH, uncertainty))
    life = running(store, tmp_path, models, margin=0.02)
    life.handle(windows(0, 14))
    archive = LocalArchive(tmp_path / "archive")
    assert champions(archive, NETWORK.network_id) == ()
    life.handle(windows(14, 40))
    (champion,) = champions(archive, NETWORK.network_id)
    assert (champion.model_name, champion.version) == ("xgboost", None)
    assert champion.reason.startswith("rule: MAE lower than that of linear_regression 1 by ")
    assert START < champion.since <= START + 40 * WINDOW
    assert life.shown("promotions_total") == 1
    life.models = Serving(models.ranked[::-1], models.loaded, champion)
    life.handle(windows(40, 58, speed_mph=55.0))
    assert len(json.loads(archive.read("traffic-data/models/small/champion.json"))["champions"]) == 1


def test_a_promotion_that_the_archive_did_not_take_comes_an_hour_later(
    store: Store, tmp_path: Path, uncertainty: Uncertainty
) -> None:
    models = serving(always("linear_regression", 55.0, uncertainty), always("xgboost", SPEED_MPH, uncertainty))
    life = running(store, tmp_path, models, margin=0.02)
    in_the_way = tmp_path / "archive"
    in_the_way.touch()
    life.handle(windows(0, 40))
    assert life.shown("promotions_total") is None
    assert list(store.model_scores())
    in_the_way.unlink()
    life.handle(windows(40, 53))
    assert life.shown("promotions_total") == 1
    (champion,) = champions(LocalArchive(in_the_way), NETWORK.network_id)
    assert champion.model_name == "xgboost"


def test_by_default_nobody_is_promoted(store: Store, tmp_path: Path, uncertainty: Uncertainty) -> None:
    models = serving(always("linear_regression", 55.0, uncertainty), always("xgboost", SPEED_MPH, uncertainty))
    running(store, tmp_path, models).handle(windows(0, 60))
    assert champions(LocalArchive(tmp_path / "archive"), NETWORK.network_id) == ()


def test_a_store_that_is_away_is_asked_again(tmp_path: Path, uncertainty: Uncertainty) -> None:
    away, opened = True, open_store(f"sqlite:///{tmp_path / 'store'}")

    def open_now() -> Store:
        if away:
            raise StoreError("away")
        return opened

    life = running(DeferredStore(open_now), tmp_path, serving(always("xgboost", SPEED_MPH, uncertainty)))
    steps = [step for record in windows(0, 3) for step in life.processor.handle([record], 0.0)]
    with pytest.raises(StoreError):
        life.deliver(steps)
    away = False
    life.deliver(steps)
    assert list(opened.model_scores())
    opened.close()
