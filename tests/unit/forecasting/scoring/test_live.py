"""Forecasts against the windows that came: sums, revisions, restarts."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.predictor.steps import StepProcessing
from shared.events.records import ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.forecasting.calibration import adaptive
from shared.forecasting.calibration.spread import Bounds
from shared.forecasting.forecasting import ModelForecast
from shared.forecasting.inputs.health_course import HealthCourse
from shared.forecasting.inputs.history import HORIZONS, Batch, batch_of
from shared.forecasting.predictions import records_of
from shared.forecasting.scoring.live import LiveScoring
from shared.store.model_records import ModelScore
from shared.traffic.health.rules import Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

WINDOW = timedelta(minutes=5)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
CORRECTABLE = 4

Says = Callable[[Batch], list[ModelForecast]]
Latest = dict[tuple[str, str, datetime], ModelScore]


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(*along("I-5 N", [f"s{place}" for place in range(5)]), network_id="small")


def window(
    network: Network, place: int, number: int, speed_mph: float | None, revision: int = 1
) -> ProcessedTrafficAggregate:
    sensor = network.sensors[place]
    return processed_window(network.network_id, sensor.sensor_id, START + number * WINDOW, speed_mph, revision)


def windows(network: Network, count: int, seed: int = 1) -> list[ProcessedTrafficAggregate]:
    """Speeds of all kinds, some missing, some zero; the last sensor is stuck in the middle of the time."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        for place in range(len(network.sensors)):
            speed: float | None = round(float(rng.uniform(5, 90)), 3)
            if place == len(network.sensors) - 1 and count // 3 <= number < 2 * count // 3:
                speed = 31.5
            kind = rng.random()
            speed = None if kind < 0.05 else 0.0 if kind < 0.08 else speed
            if rng.random() > 0.05:
                found.append(window(network, place, number, speed))
    return found


def says(*names: str) -> Says:
    """Models that follow the last speed, each in a way of its own; where it is missing they know nothing."""

    def forecast(batch: Batch) -> list[ModelForecast]:
        last = np.where(np.isnan(batch.speed_mph[:, -1]), batch.speed_mph[:, -2], batch.speed_mph[:, -1])
        ahead = np.arange(1, HORIZONS + 1)
        made = []
        for place, name in enumerate(names):
            predicted = last[..., None] * (1 - 0.013 * (place + 1) * ahead) + place
            reach = 3.0 + ahead + 0.1 * last[..., None]
            confidence = np.broadcast_to(1 / (1.0 + 0.07 * ahead + place), predicted.shape)
            scale = np.broadcast_to(1 + 0.01 * ahead, (len(predicted), HORIZONS))
            bounds = Bounds(
                np.maximum(predicted - reach, 0.0), predicted + 1.5 * reach, confidence, np.full_like(predicted, np.nan)
            )
            basis = np.zeros(predicted.shape[:2], dtype=np.intp)
            made.append(ModelForecast(name, "1", predicted, bounds, basis, basis == place, scale))
        return made

    return forecast


def take(latest: Latest, scores: Iterable[ModelScore]) -> None:
    """As every store does."""
    for one in scores:
        key = one.model_name, one.model_version, one.timestamp
        if key not in latest or one.revision >= latest[key].revision:
            latest[key] = one


def new_processor(network: Network) -> StepProcessing:
    return StepProcessing({network.network_id: network}, settle_seconds=2.0, correctable=CORRECTABLE)


def drive(live: LiveScoring, steps: Iterable[Step], forecast: Says, latest: Latest) -> None:
    """What the predictor does with each step."""
    for step in steps:
        if ages := live.forgotten(step):
            take(latest, live.remember(step, forecast(batch_of(step, ages)), ages))
        take(latest, live.observe(step, doubts_of(step)))
        take(latest, live.remember(step, forecast(batch_of(step))))


def run(
    network: Network, records: Sequence[ProcessedTrafficAggregate], forecast: Says, kill_at: Sequence[int] = ()
) -> Latest:
    """The scores after all records, with restarts before these ones; the last five minutes settle."""
    latest: Latest = {}
    processor, live = new_processor(network), LiveScoring(network, CORRECTABLE)
    for place, record in enumerate(records):
        if place in kill_at:
            processor, live = new_processor(network), LiveScoring(network, CORRECTABLE)
            processor.rebuild(records[:place], float(place))
        drive(live, processor.handle([record], float(place)), forecast, latest)
    drive(live, processor.tick(1e9), forecast, latest)
    return latest


def doubts_of(step: Step) -> Reasons:
    """What is doubted of a step where nothing is known of before it."""
    return HealthCourse(step.network).doubts(step)


Sums = tuple[int, int, list[tuple[Any, ...]]]


def expected(
    network: Network, records: Sequence[ProcessedTrafficAggregate], forecast: Says
) -> dict[tuple[str, str, datetime], Sums]:
    """The same from the records that go out and those that come in, one by one."""
    published: dict[tuple[str, SensorId, datetime], TrafficPrediction] = {}
    steps: dict[datetime, Step] = {}
    processor = new_processor(network)
    handed_out = [step for record in records for step in processor.handle([record], 0.0)]
    for step in [*handed_out, *processor.tick(1e9)]:
        steps[step.window_end] = step
        for one in records_of(step, forecast(batch_of(step))):
            published[one.model_name, one.sensor_id, one.timestamp] = one
    scales = {one.name: one.scale[0] for one in forecast(batch_of(steps[max(steps)]))}
    found: dict[tuple[str, str, datetime], Sums] = {}
    for end, step in steps.items():
        actual = np.where(doubts_of(step)[-1] > 0, np.nan, step.speed_mph[-1])
        sums: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0] * 7)
        off: dict[tuple[str, int], list[float]] = defaultdict(list)
        revisions: dict[tuple[str, datetime], int] = {}
        for (model, sensor, origin), one in published.items():
            ahead = (end - origin) // WINDOW
            if not 1 <= ahead <= HORIZONS:
                continue
            revisions[model, origin] = one.revision
            speed, told = actual[network.index[sensor]], one.horizons[ahead - 1]
            assert told.target_timestamp == end
            if not speed > 0:
                continue
            error = told.predicted_speed_mph - speed
            covered = told.lower_speed_mph <= speed <= told.upper_speed_mph
            each = (1, abs(error), error**2, error, covered, abs(error) <= 5, told.confidence_score)
            sums[model, ahead] = [one + other for one, other in zip(sums[model, ahead], each, strict=True)]
            reach = told.upper_speed_mph - told.predicted_speed_mph
            if speed <= told.predicted_speed_mph:
                reach = told.predicted_speed_mph - told.lower_speed_mph
            off[model, ahead].append(abs(error) / max(reach, 0.01) * scales[model][ahead - 1])
        for model in {name for name, _ in revisions}:
            horizons = [
                (5 * ahead, *sums[model, ahead], np.histogram(off[model, ahead], adaptive.EDGES)[0].tolist())
                for ahead in range(1, HORIZONS + 1)
                if (model, ahead) in sums
            ]
            revision = int(step.revisions[-1].sum()) + sum(r for (name, _), r in revisions.items() if name == model)
            found[model, "1", end] = revision, int((actual > 0).sum()), horizons
    return found


def test_scores_are_the_sums_over_what_was_published(network: Network) -> None:
    records = windows(network, 45)
    forecast = says("one", "two")
    found, wanted = run(network, records, forecast), expected(network, records, forecast)
    assert found.keys() == wanted.keys()
    for key, (revision, observed, horizons) in wanted.items():
        score = found[key]
        assert score.revision == revision
        assert (sum(score.speed_counts), score.missing) == (observed, 5 - observed)
        assert [one.horizon_minutes for one in score.horizons] == [one[0] for one in horizons]
        for mine, (_, pairs, absolute, squared, error, covered, close, confidence, histogram) in zip(
            score.horizons, horizons, strict=True
        ):
            assert (mine.pairs, mine.covered, mine.close) == (pairs, covered, close)
            assert mine.absolute_error_sum_mph == pytest.approx(absolute)
            assert mine.squared_error_sum_mph2 == pytest.approx(squared)
            assert mine.error_sum_mph == pytest.approx(error)
            assert mine.confidence_sum == pytest.approx(confidence)
            assert list(mine.scaled_histogram) == histogram
            assert sum(mine.confidence_pairs) == mine.pairs
            assert sum(mine.confidence_close) == mine.close
            assert sum(mine.confidence_sums) == pytest.approx(mine.confidence_sum)
    assert {len(score.horizons) for score in found.values()} > {1, HORIZONS}


def test_confidence_counts_in_the_bin_it_names(network: Network) -> None:
    scores = run(network, windows(network, 30), says("one"))
    for score in scores.values():
        for one in score.horizons:
            for place, (pairs, total) in enumerate(zip(one.confidence_pairs, one.confidence_sums, strict=True)):
                assert place / 10 * pairs - 1e-9 <= total <= (place + 1) / 10 * pairs + 1e-9


@given(seed=st.integers(0, 1_000), kills=st.lists(st.integers(1, 190), max_size=4))
@settings(max_examples=8, deadline=None)
def test_a_restart_changes_no_score(network: Network, seed: int, kills: list[int]) -> None:
    rng = np.random.default_rng(seed)
    records = windows(network, 44, seed)
    for _ in range(6):
        place = int(rng.integers(0, len(records)))
        one = records[place]
        number = (one.window_start - START) // WINDOW
        late = min(len(records), place + int(rng.integers(1, 12)))
        sensor = network.index[one.sensor_id]
        records.insert(late, window(network, sensor, number, float(rng.uniform(5, 90)), revision=one.revision + 1))
    undisturbed = run(network, records, says("one", "two"))
    assert run(network, records, says("one", "two"), kills) == undisturbed


def test_a_late_window_scores_again_with_a_higher_revision(network: Network) -> None:
    records = windows(network, 30)
    before = run(network, records, says("one"))
    late = window(network, 2, 27, 12.0, revision=5)
    after = run(network, [*records, late], says("one"))
    changed = {end for (_, _, end), score in after.items() if score != before["one", "1", end]}
    # Its own scores, and those of the windows that forecasts made with it were of.
    assert changed == {START + number * WINDOW for number in (28, 29, 30)}
    assert all(after["one", "1", end].revision > before["one", "1", end].revision for end in changed)


def test_what_comes_again_changes_nothing(network: Network) -> None:
    processor, live, forecast = new_processor(network), LiveScoring(network, CORRECTABLE), says("one")
    steps = [step for record in windows(network, 30) for step in processor.handle([record], 0.0)]
    once: Latest = {}
    twice: Latest = {}
    drive(live, steps, forecast, once)
    drive(live, steps[-3:], forecast, twice)
    assert twice == {key: once[key] for key in twice}
    assert twice


def test_a_model_that_is_left_out_for_a_step_keeps_what_it_said_before(network: Network) -> None:
    processor, live = new_processor(network), LiveScoring(network, CORRECTABLE)
    steps = [step for record in windows(network, 30) for step in processor.handle([record], 0.0)]
    latest: Latest = {}
    drive(live, steps[:-1], says("one", "two"), latest)
    drive(live, steps[-1:], says("one"), latest)
    newest = steps[-1].window_end
    assert len(latest["two", "1", newest].horizons) == HORIZONS
    take(latest, live.remember(steps[-2], says("one")(batch_of(steps[-2]))))
    assert len(latest["two", "1", newest].horizons) == HORIZONS


def test_forecasts_wait_no_longer_than_they_are_needed(network: Network) -> None:
    processor, live = new_processor(network), LiveScoring(network, CORRECTABLE)
    for record in windows(network, 60):
        drive(live, processor.handle([record], 0.0), says("one"), {})
    assert len(live._forecasts) <= HORIZONS + CORRECTABLE + 1
    assert len(live._actuals) <= CORRECTABLE + 1
