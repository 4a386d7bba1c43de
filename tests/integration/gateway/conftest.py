"""A gateway on the embedded broker, in this process, and records to feed it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from metrla.local.devbroker import DevBroker
from services.gateway.app import serve_on
from services.gateway.settings import GatewaySettings
from services.gateway.web.server import listen
from shared.events.avro import encode
from shared.events.records import (
    AlertId,
    AlertSeverity,
    AlertStatus,
    HorizonForecast,
    PredictionBasis,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.events.topics import AGGREGATES, ALERTS, PREDICTIONS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.runtime.settings import PlatformSettings
from shared.store.model_records import HorizonScore, ModelScore
from shared.store.port import Store
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network
from tests.kit.announcements import alert_of
from tests.kit.until import until
from tests.kit.windows import processed_window

START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
DEADLINE_S = 60.0

Step = Callable[..., list[Message]]
Publish = Callable[[Iterable[Message]], Awaitable[None]]
Start = Callable[..., AbstractAsyncContextManager[str]]


@dataclass(frozen=True)
class World:
    """A broker, a producer on it, and where archive and store are."""

    broker: DevBroker
    platform: PlatformSettings
    publish: Publish
    store: Store


@pytest.fixture(scope="session")
def open_world() -> Callable[[Path], AbstractAsyncContextManager[World]]:
    @asynccontextmanager
    async def build(folder: Path) -> AsyncIterator[World]:
        async with DevBroker() as broker:
            platform = PlatformSettings(
                kafka_bootstrap_servers=broker.bootstrap_servers,
                archive_url=(folder / "archive").as_uri(),
                store_url=f"sqlite:///{folder / 'store.sqlite'}",
            )
            await ensure_topics(broker.bootstrap_servers)
            async with open_producer(broker.bootstrap_servers, "test") as producer:
                with closing(open_store(platform.store_url)) as store:
                    yield World(broker, platform, partial(send_all, producer), store)

    return build


@pytest.fixture
async def world(
    open_world: Callable[[Path], AbstractAsyncContextManager[World]], tmp_path: Path
) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


@pytest.fixture(scope="session")
def start_gateway() -> Start:
    @asynccontextmanager
    async def start(platform: PlatformSettings, **settings: Any) -> AsyncIterator[str]:  # noqa: ANN401 - any setting
        own = GatewaySettings(**{"port": 0, "push_interval_s": 0.3, **settings})
        stop = asyncio.Event()
        with closing(listen(own)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            serving = asyncio.create_task(serve_on(listener, platform, own, stop))
            try:
                await until_live(url, serving)
                yield url
            finally:
                stop.set()
                await asyncio.wait_for(serving, DEADLINE_S)

    return start


async def until_live(url: str, serving: asyncio.Task[None]) -> None:
    async def live() -> bool:
        if serving.done():
            serving.result()
        try:
            await client.get(f"{url}/live")
        except httpx.TransportError:
            return False
        return True

    async with httpx.AsyncClient() as client:
        await until(live, "the gateway answers", DEADLINE_S)


@pytest.fixture(scope="session")
def until_answer() -> Callable[..., Awaitable[Any]]:
    async def wait(client: httpx.AsyncClient, path: str, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
        """Ask until the answer is as it should be."""
        answers: list[httpx.Response] = []

        async def answered() -> bool:
            answers[:] = [await client.get(path)]
            return holds(answers[0])

        await until(answered, lambda: f"another answer of {path} than {[one.text for one in answers]}", DEADLINE_S)
        return answers[0]

    return wait


@pytest.fixture(scope="session")
def network() -> Network:
    return load_network(EXAMPLE_NETWORK)


@pytest.fixture(scope="session")
def windows(network: Network) -> Callable[[int], list[ProcessedTrafficAggregate]]:
    def build(number: int) -> list[ProcessedTrafficAggregate]:
        """The windows of every sensor that end `number` windows after START, at 50 + number mph."""
        end = START + number * WINDOW
        speed = 50.0 + number
        return [
            processed_window(
                *(network.network_id, sensor.sensor_id, end - WINDOW, speed),
                revision=10,
                min_speed_mph=speed - 1,
                max_speed_mph=speed + 1,
                std_speed_mph=0.5,
                volume_vehicles=100.0,
                occupancy=0.1,
            )
            for sensor in network.sensors
        ]

    return build


@pytest.fixture(scope="session")
def predictions(network: Network) -> Callable[..., list[TrafficPrediction]]:
    def build(number: int, models: tuple[str, ...], revision: int = 1) -> list[TrafficPrediction]:
        """What the models say `number` windows after START; the first of them serves, the others impute."""
        origin = START + number * WINDOW
        return [
            TrafficPrediction(
                network_id=network.network_id,
                sensor_id=sensor.sensor_id,
                timestamp=origin,
                model_name=model,
                model_version="1",
                revision=revision,
                current_speed_mph=50.0 + number,
                horizons=tuple(
                    HorizonForecast(5 * ahead, origin + ahead * WINDOW, 60.0, 50.0, 70.0, 1.0 - ahead / 20)
                    for ahead in range(1, 13)
                ),
                serving=place == 0,
                basis=PredictionBasis.TRAINED if place == 0 else PredictionBasis.IMPUTED,
            )
            for sensor in network.sensors
            for place, model in enumerate(models)
        ]

    return build


@pytest.fixture(scope="session")
def step(
    network: Network,
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
) -> Step:
    def build(number: int, *models: str, predicted: bool = True, revision: int = 1) -> list[Message]:
        """Everything of one network step: the windows that end `number` windows after START, and the predictions."""
        messages = [Message(AGGREGATES.name, network.network_id.encode(), encode(window)) for window in windows(number)]
        made = predictions(number, models or ("linear_regression",), revision) if predicted else []
        return [*messages, *(Message(PREDICTIONS.name, one.sensor_id.encode(), encode(one)) for one in made)]

    return build


@pytest.fixture(scope="session")
def score(network: Network) -> Callable[..., ModelScore]:
    def build(number: int, model: str) -> ModelScore:
        """How a model's forecasts for the windows that end `number` windows after START did."""
        tenths = (0,) * 8 + (40, 8)
        horizons = tuple(
            HorizonScore(
                horizon_minutes=5 * ahead,
                pairs=48,
                absolute_error_sum_mph=96.0 + ahead,
                squared_error_sum_mph2=480.0,
                error_sum_mph=-24.0,
                covered=43,
                close=40,
                confidence_sum=42.0,
                confidence_pairs=tenths,
                confidence_close=(0,) * 8 + (33, 7),
                confidence_sums=(0.0,) * 8 + (34.5, 7.5),
            )
            for ahead in range(1, 13)
        )
        return ModelScore(network.network_id, model, "1", START + number * WINDOW, 1, (), 0, horizons)

    return build


@pytest.fixture(scope="session")
def alert(network: Network) -> Callable[..., Message]:
    def build(alert_id: str, number: int, *, cleared: bool = False, severity: str = "high") -> Message:
        time = START + number * WINDOW
        here = network.sensors[0]
        record = alert_of(
            time,
            alert_id=AlertId(alert_id),
            network_id=network.network_id,
            severity=AlertSeverity(severity),
            status=AlertStatus.CLEARED if cleared else AlertStatus.RAISED,
            revision=2 if cleared else 1,
            location=here.road_name,
            cleared_at=time if cleared else None,
            latitude=here.latitude,
            longitude=here.longitude,
            affected_sensors=(SensorId(here.sensor_id),),
            estimated_duration_minutes=30.0,
        )
        return Message(ALERTS.name, alert_id.encode(), encode(record))

    return build
