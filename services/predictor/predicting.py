"""What the predictor does with the steps that are due: predictions into the store and onto the log."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from aiokafka import AIOKafkaProducer

from services.predictor.recent_log import messages_of
from services.predictor.recent_start import RecentStart
from services.predictor.scorekeeper import Scorekeeper
from shared.events.records import NetworkId, TrafficPrediction
from shared.events.topics import PREDICTIONS
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.predictions import records_of
from shared.forecasting.registry.registry import Registry
from shared.forecasting.stencil import PredictionMessages
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import Message, send_all
from shared.runtime.metrics import PredictorMetrics
from shared.store.model_records import ModelScore
from shared.store.port import Store
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

MOST_WAITING = 1


@dataclass(frozen=True, slots=True, eq=False)
class PredictedStep:
    """What came of a step.

    Attributes:
        predictions: that are in the store.
        scores: likewise.
        settled: what recent speeds become by the step.
        messages: predictions and settled rows, still to be sent.
    """

    predictions: Sequence[TrafficPrediction]
    scores: Sequence[ModelScore]
    settled: Sequence[RecentRow]
    messages: Sequence[Message]


@dataclass
class Predicting:
    """Delivers steps: everything that takes long runs in a thread, a step at a time.

    A thread whose `deliver` was cancelled, for its partition was taken away, runs on; the next one waits for it.

    `challengers` run as well unless more than one further step waits: in the hands of `deliver`, or among the `behind`
    windows that are on the log and not read yet. Steps that are only corrected, or come again after a restart, do not
    wait in this sense: without the challengers' part in them, scores would not compare like with like.

    What is forecast in a silence (`Step.silent`) is published and not scored: whether there is such a step hangs on the
    wall clock, and scores are a function of the log.
    """

    networks: Mapping[NetworkId, Network]
    least_observed: int
    challengers: bool
    registry: Registry
    store: Store
    producer: AIOKafkaProducer
    scorekeeper: Scorekeeper
    recent_start: RecentStart
    metrics: PredictorMetrics
    _forecasting: dict[NetworkId, Forecasting] = field(init=False)
    _writers: dict[NetworkId, PredictionMessages] = field(init=False)
    _begun: dict[NetworkId, list[RecentRow]] = field(default_factory=dict, init=False)
    """What recent speeds began with, and the log does not know yet."""
    _one_at_a_time: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        """Make one forecasting and one writer for each network."""
        self._writers = {network_id: PredictionMessages(network) for network_id, network in self.networks.items()}
        self._forecasting = {
            network_id: Forecasting(network, self.least_observed) for network_id, network in self.networks.items()
        }

    @property
    def recent(self) -> Mapping[NetworkId, RecentSpeeds]:
        """Recent speeds, by network."""
        return {network_id: one.recent for network_id, one in self._forecasting.items()}

    async def deliver(self, steps: Sequence[Step], behind: int = 0) -> None:
        """Return when store and log have acknowledged the predictions of all steps; raises what they raise.

        Args:
            steps: in order.
            behind: windows of the partition that are on the log and not read yet.
        """
        for place, step in enumerate(steps, start=1):
            further = sum(not (later.again or later.silent) for later in steps[place:])
            waiting = further + behind // len(step.network.sensors)
            at_leisure = waiting <= MOST_WAITING or self.scorekeeper.rebuilding(step)
            # Of a silence there is nothing to compare them by.
            challengers = self.challengers and at_leisure and not step.silent
            partitions = await self.producer.partitions_for(PREDICTIONS.name)
            partition = partition_of(step.network.network_id, partitions)
            predicted = await asyncio.to_thread(self._predict, step, partition, challengers=challengers)
            await send_all(self.producer, predicted.messages)
            self._begun.pop(step.network.network_id, None)
            self._forecasting[step.network.network_id].learn(predicted.settled)
            self._count(step, predicted, challengers=challengers)

    def _predict(self, step: Step, partition: int, *, challengers: bool) -> PredictedStep:
        """A step from windows to records: begin, score, scale, forecast, write, remember, report. Runs in a thread.

        An attempt that fails at any point is made again as a whole: the same windows give the same scores, forecasts
        and settled rows.

        Raises:
            StoreError: the store does not do what is asked.
        """
        with self._one_at_a_time:
            began = time.perf_counter()
            network_id, keeper = step.network.network_id, self.scorekeeper
            forecasting, serving = self._forecasting[network_id], self.registry.serving(network_id)
            begun = self._begun.setdefault(network_id, [])
            begun += forecasting.recent.fill(self.recent_start.rows(step, forecasting.recent))
            scores: Sequence[ModelScore] = ()
            if not step.silent:
                keeper.recover(step, forecasting, serving)
                scores = keeper.score(step)
            scales = keeper.scales(step)
            forecasts = forecasting.forecast(step, serving, challengers=challengers, scales=scales)
            predictions = records_of(step, forecasts)
            self.metrics.step_seconds.observe(time.perf_counter() - began)
            if predictions:
                self.store.put_predictions(predictions)
            if not step.silent:
                scores = [*scores, *keeper.remember(step, forecasts, challengers=challengers)]
                keeper.keep(scores)
                keeper.report(step, serving, scales)
            settled = forecasting.settle(step)
            messages = [
                Message(PREDICTIONS.name, key, content, partition=partition)
                for key, content in self._writers[network_id].of(step, forecasts)
            ]
            recent = messages_of(step.network, [*begun, *settled])
            return PredictedStep(predictions, scores, settled, [*messages, *recent])

    def _count(self, step: Step, predicted: PredictedStep, *, challengers: bool) -> None:
        """Count what is on the log: once, however many attempts it took."""
        if self.challengers and not challengers and not step.silent:
            self.metrics.without_challengers.inc()
        self.metrics.steps.labels("silent" if step.silent else "again" if step.again else "first").inc()
        for model_name, count in Counter(one.model_name for one in predicted.predictions).items():
            self.metrics.predictions.labels(model_name).inc(count)
        self.scorekeeper.count(predicted.scores)
