"""Steps onto the log and into the store: each once, wherever an attempt fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event

import numpy as np
import pytest
from aiokafka.errors import ProducerClosed
from prometheus_client import CollectorRegistry

from metrla.lab.forecasting.evaluation.disturbances import Disturbed
from metrla.lab.forecasting.evaluation.running import Course
from metrla.lab.forecasting.evaluation.tally import CONFIDENCE, PAIRS, WIDTH
from metrla.lab.forecasting.recorded import Recorded
from metrla.local.devbroker import DevBroker
from services.predictor.predicting import Predicting
from services.predictor.recent_log import read_recent
from services.predictor.recent_start import RecentStart
from services.predictor.scorekeeper import Scorekeeper, ScoringPlan
from shared.archive.local import LocalArchive
from shared.events.errors import StoreError
from shared.events.records import NetworkId, TrafficPrediction
from shared.events.topics import PREDICTIONS
from shared.forecasting.forecasting import SETTLED_WINDOWS
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.forecasting.registry.recent_speeds import keep_recent
from shared.forecasting.registry.registry import Registry, save
from shared.forecasting.scoring.scoreboard import Spans
from shared.forecasting.warm_up import recent_rows
from shared.kafka.admin import ensure_topics
from shared.kafka.following import read_topic
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import open_producer
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.runtime.metrics import PredictorMetrics
from shared.store.deferred import DeferredStore
from shared.store.model_records import ModelScore
from shared.store.url import open_store
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentSpeeds
from tests.kit.forecasting import History, MakeStep

FIRST, COUNT, CORRECTABLE = 3 * 288, 15, 4
HOURS = timedelta(hours=2)


class AwayStore(DeferredStore):
    """A real store, which answers one call of the kind named `away` with an error and does nothing."""

    away: str | None = None
    before_predictions: Callable[[], None] | None = None

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        if self.before_predictions is not None:
            self.before_predictions()
        self._answer("put_predictions")
        super().put_predictions(predictions)

    def put_model_scores(self, scores: Sequence[ModelScore]) -> None:
        self._answer("put_model_scores")
        super().put_model_scores(scores)

    def model_scores(
        self,
        network_id: NetworkId | None = None,
        model_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ModelScore]:
        self._answer("model_scores")
        return super().model_scores(network_id, model_name, start, end, limit)

    def _answer(self, call: str) -> None:
        if self.away == call:
            self.away = None
            raise StoreError(f"{call}: away")


@dataclass(frozen=True)
class Left:
    """Everything that steps leave: in the store, on the log, and in the counters by name and labels."""

    predictions: list[TrafficPrediction]
    scores: list[ModelScore]
    sent: set[tuple[int, bytes | None, bytes | None]]
    recent_mph_days: list[list[float]]
    counted: dict[tuple[str, ...], float]


@dataclass
class Life:
    """A predictor without its windows' topic."""

    broker: DevBroker
    store: AwayStore
    predicting: Predicting
    exposed: CollectorRegistry

    async def left(self) -> Left:
        counted = {
            (sample.name, *sample.labels.values()): sample.value
            for metric in self.exposed.collect()
            for sample in metric.samples
            if sample.name.endswith(("_steps_total", "_predictions_total", "_scores_total"))
        }
        servers = self.broker.bootstrap_servers
        sent = {(one.partition, one.key, one.value) for one in await read_topic(servers, "test", PREDICTIONS)}
        recent = {network_id: RecentSpeeds(network) for network_id, network in self.predicting.networks.items()}
        await read_recent(servers, "test", recent, ReaderLetters(servers, "test", Quarantine()))
        learned = [each.ravel().tolist() for one in recent.values() for each in (one.total_mph, one.days)]
        return Left(list(self.store.predictions()), list(self.store.model_scores()), sent, learned, counted)


@dataclass
class Lives:
    """Predictors with the same models, each with a log and a store of its own."""

    folder: Path
    network: Network
    archive: LocalArchive
    correctable: int = CORRECTABLE
    count: int = field(default=0, init=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Life]:
        self.count += 1
        store = AwayStore(lambda: open_store(f"sqlite:///{self.folder / str(self.count)}"))
        networks = {self.network.network_id: self.network}
        exposed = CollectorRegistry()
        metrics = PredictorMetrics(exposed)
        registry = Registry(self.archive, networks)
        registry.refresh()
        plan = ScoringPlan(self.correctable, Spans(HOURS, HOURS), challengers=True)
        async with DevBroker() as broker:
            await ensure_topics(broker.bootstrap_servers)
            async with open_producer(broker.bootstrap_servers, "test") as producer:
                predicting = Predicting(
                    networks=networks,
                    least_observed=6,
                    challengers=True,
                    registry=registry,
                    store=store,
                    producer=producer,
                    scorekeeper=Scorekeeper(networks, plan, self.archive, store, metrics),
                    recent_start=RecentStart(self.archive, store),
                    metrics=metrics,
                )
                yield Life(broker, store, predicting, exposed)
        store.close()


@pytest.fixture
def lives(tmp_path: Path, network: Network, artefacts: Mapping[str, Artefact]) -> Lives:
    archive = LocalArchive(tmp_path / "archive")
    for name, artefact in artefacts.items():
        save(archive, network.network_id, name, "20260302", artefact)
    return Lives(tmp_path, network, archive)


@pytest.fixture
def steps(step_of: MakeStep, history: History) -> list[Step]:
    """With as many windows before each as show which have settled."""
    return [step_of(row, history.speed_mph[row - 2 * LAGS + 1 : row + 1]) for row in range(FIRST, FIRST + COUNT)]


@pytest.mark.parametrize(
    ("away", "at"),
    [("model_scores", 0), ("put_predictions", 7), ("put_model_scores", 7), ("send", 7), ("put_model_scores", 14)],
)
async def test_an_attempt_that_fails_half_way_leaves_nothing_twice_and_nothing_out(
    lives: Lives, steps: Sequence[Step], away: str, at: int
) -> None:
    async with lives.begin() as undisturbed:
        for step in steps:
            await undisturbed.predicting.deliver([step])
        wanted = await undisturbed.left()
    async with lives.begin() as life:
        for place, step in enumerate(steps):
            if place == at:
                await _fail(life, away, step)
            await life.predicting.deliver([step])
        found = await life.left()
    assert found.scores
    assert found.sent
    assert np.any(found.recent_mph_days)
    assert found == wanted


async def test_what_recent_speeds_begin_with_is_on_the_log_whatever_fails(
    lives: Lives, steps: Sequence[Step], history: History, network: Network
) -> None:
    """A process that takes the partition over knows the same, without the archive."""
    rows = recent_rows(network, history.start, history.speed_mph[: FIRST - LAGS])
    keep_recent(lives.archive, network, rows)
    async with lives.begin() as life:
        await _fail(life, "put_predictions", steps[0])
        for step in steps[:3]:
            await life.predicting.deliver([step])
        (known,), left = life.predicting.recent.values(), await life.left()
    assert left.recent_mph_days == [known.total_mph.ravel().tolist(), known.days.ravel().tolist()]
    assert np.count_nonzero(known.days.any(axis=(1, 2))) == len(rows) == 288


async def test_predictions_are_on_the_partition_of_their_network(lives: Lives, steps: Sequence[Step]) -> None:
    """By sensor, as a key alone spreads them, no alert detector could judge a network as a whole."""
    async with lives.begin() as life:
        await life.predicting.deliver(steps[:1])
        numbers = await life.predicting.producer.partitions_for(PREDICTIONS.name)
        found = await life.left()
        assert len(numbers) > 1
        assert len({key for _, key, _ in found.sent}) > 1
        assert {partition for partition, _, _ in found.sent} == {partition_of(lives.network.network_id, numbers)}


async def _fail(life: Life, away: str, step: Step) -> None:
    predicting, healthy = life.predicting, life.predicting.producer
    if away != "send":
        life.store.away = away
        with pytest.raises(StoreError, match=away):
            await predicting.deliver([step])
        return
    async with open_producer(life.broker.bootstrap_servers, "test") as closed:
        await closed.partitions_for(PREDICTIONS.name)
    predicting.producer = closed
    with pytest.raises(ProducerClosed):
        await predicting.deliver([step])
    predicting.producer = healthy


async def test_a_delivery_that_was_cancelled_ends_before_the_next_one_begins(
    lives: Lives, steps: Sequence[Step]
) -> None:
    """A partition that is taken away cancels the wait for a thread, not the thread."""
    step, entered, together = steps[0], Event(), Barrier(2)
    met: list[bool] = []

    def meet() -> None:
        entered.set()
        with suppress(BrokenBarrierError):
            together.wait(0.5)
            met.append(True)

    async with lives.begin() as life:
        life.store.before_predictions = meet
        first = asyncio.create_task(life.predicting.deliver([step]))
        await asyncio.to_thread(entered.wait, 10.0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await life.predicting.deliver([step])
        cancelled = await life.left()
    async with lives.begin() as undisturbed:
        await undisturbed.predicting.deliver([step])
        wanted = await undisturbed.left()
    assert first.cancelled()
    assert not met
    assert np.any(wanted.recent_mph_days)
    assert cancelled == wanted


async def test_a_step_without_challengers_is_counted_once(lives: Lives, steps: Sequence[Step]) -> None:
    async with lives.begin() as life:
        for step in steps[: CORRECTABLE + 2]:
            await life.predicting.deliver([step])
        life.store.away = "put_predictions"
        with pytest.raises(StoreError):
            await life.predicting.deliver([steps[-1]], behind=100)
        await life.predicting.deliver([steps[-1]], behind=100)
    assert life.exposed.get_sample_value("metrla_predictor_steps_without_challengers_total") == 1


async def test_a_silence_is_forecast_and_not_scored_and_gives_way_to_what_comes_after_all(
    lives: Lives, steps: Sequence[Step]
) -> None:
    async with lives.begin() as undisturbed:
        for step in steps:
            await undisturbed.predicting.deliver([step])
        wanted = await undisturbed.left()
    async with lives.begin() as life:
        for place, step in enumerate(steps):
            if place in {7, 8}:
                silent = replace(
                    step,
                    speed_mph=np.where(np.arange(2 * LAGS)[:, None] < 2 * LAGS - 1, step.speed_mph, np.nan),
                    revisions=np.where(np.arange(2 * LAGS)[:, None] < 2 * LAGS - 1, step.revisions, 0),
                )
                await life.predicting.deliver([silent])
                told = [one for one in life.store.predictions() if one.timestamp == step.window_end]
                assert {one.current_speed_mph for one in told} == {None}
                assert all(one.serving for one in told)
            # The feed was only late.
            await life.predicting.deliver([step])
        found = await life.left()
    assert found.predictions == wanted.predictions
    assert found.scores == wanted.scores
    assert found.recent_mph_days == wanted.recent_mph_days
    assert found.counted.pop(("metrla_predictor_steps_total", "silent")) == 2
    steps_counted = {name: count for name, count in found.counted.items() if "_steps_" in name[0]}
    assert steps_counted == {name: count for name, count in wanted.counted.items() if "_steps_" in name[0]}


async def test_sensors_that_break_have_intervals_and_confidence_in_service_as_in_an_evaluation(
    lives: Lives, network: Network, history: History, recorded: Recorded, step_of: MakeStep
) -> None:
    """One dies, one sticks at a speed at which nobody would look twice, and is found out on the way."""
    lives.correctable = SETTLED_WINDOWS
    told, affected = history.speed_mph.copy(), np.zeros(history.speed_mph.shape, dtype=np.bool_)
    told[FIRST:, 0], told[FIRST:, 1], affected[FIRST:, :2] = np.nan, 65.0, True
    shown_first, last = FIRST - LAGS + 1, range(FIRST, FIRST + 4 * LAGS)
    async with lives.begin() as life:
        (recent,), (health,) = life.predicting.recent.values(), life.predicting.health.values()
        for known in recent_rows(network, history.start, told[:shown_first]):
            recent.learn(known)
        health.learn(health.windows(step_of(FIRST - 1, told[:FIRST])))
        for row in last:
            # Nothing of before is made again, and scored: the evaluation begins here as well.
            step = step_of(row, told[max(shown_first, row - 2 * LAGS + 1) : row + 1])
            await life.predicting.deliver([step])
        served = list(life.store.predictions(serving=True))
        serving = life.predicting.registry.serving(network.network_id)
    found = np.zeros((3, HORIZONS))
    for one in served:
        sensor, origin = network.index[one.sensor_id], (one.timestamp - history.start) // network.window
        counts = ~np.isnan(history.speed_mph[origin : origin + HORIZONS, sensor]) & (sensor < 2)
        each = [(1.0, at.upper_speed_mph - at.lower_speed_mph, at.confidence_score) for at in one.horizons]
        found += np.where(counts, np.array(each).T, 0.0)
    whole = Recorded(network, history.start, history.speed_mph, recorded.train_windows, FIRST)
    case = Disturbed("broken", "two sensors are broken", network, told, affected)
    origins = np.array(last) - LAGS + 1
    judged = Course(whole).judge(serving, origins, disturbed=case, warm_up=0).tallies[LINEAR_REGRESSION]
    assert served[0].model_name == LINEAR_REGRESSION
    expected = judged.affected[[PAIRS, WIDTH, CONFIDENCE]]
    # Served speeds are rounded to hundredths, by which a rank of the scale of one horizon may be another.
    assert np.isclose(found, expected, rtol=0.002).mean() > 0.9
    np.testing.assert_allclose(found, expected, rtol=0.03)
