"""Forecast steps and put the predictions into the store and on the log."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from services.predictor.forecasting import Forecasting
from services.predictor.records import records_of
from services.predictor.registry.registry import Registry
from shared.events.avro import codec
from shared.events.records import NetworkId, TrafficPrediction
from shared.events.topics import PREDICTIONS
from shared.kafka.producer import Message, send_all
from shared.networks.network import Network
from shared.runtime.metrics import PredictorMetrics
from shared.store.port import Store
from shared.windows.steps import Step


@dataclass
class Publisher:
    """What the worker delivers steps to: everything that takes long runs in a thread, a step at a time."""

    networks: Mapping[NetworkId, Network]
    least_observed: int
    registry: Registry
    store: Store
    producer: AIOKafkaProducer
    metrics: PredictorMetrics
    _forecasting: dict[NetworkId, Forecasting] = field(init=False)

    def __post_init__(self) -> None:
        """Make one forecasting for each network."""
        self._forecasting = {
            network_id: Forecasting(network, self.least_observed) for network_id, network in self.networks.items()
        }

    async def deliver(self, steps: Sequence[Step]) -> None:
        """Return when store and log have acknowledged the predictions of all steps; raises what they raise."""
        for step in steps:
            predictions, messages = await asyncio.to_thread(self._forecast, step)
            await send_all(self.producer, messages)
            self.metrics.steps.labels("again" if step.again else "first").inc()
            for model_name, count in Counter(one.model_name for one in predictions).items():
                self.metrics.predictions.labels(model_name).inc(count)

    def _forecast(self, step: Step) -> tuple[list[TrafficPrediction], list[Message]]:
        began = time.perf_counter()
        network_id = step.network.network_id
        forecasts = self._forecasting[network_id].forecast(step, self.registry.serving(network_id))
        predictions = records_of(step, forecasts)
        self.metrics.step_seconds.observe(time.perf_counter() - began)
        if predictions:
            self.store.put_predictions(predictions)
        encode = codec(TrafficPrediction).encode
        return predictions, [Message(PREDICTIONS.name, one.sensor_id.encode(), encode(one)) for one in predictions]
