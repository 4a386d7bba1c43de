"""The real predictor process on the embedded broker: windows in, predictions out, also when it is killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from metrla.data.importing.folder import write_network
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import Trained, train
from metrla.local.devbroker import DevBroker
from shared.archive.local import LocalArchive
from shared.events.avro import decode, encode
from shared.events.records import (
    NetworkId,
    PredictionBasis,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.events.topics import AGGREGATES, DEAD_LETTER_REASON, PREDICTIONS, TRAFFIC_EVENTS_DLQ
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.forecasting.registry.registry import save
from shared.forecasting.registry.roles import Champion, promote, roll_back
from shared.kafka.admin import ensure_topics, open_admin
from shared.kafka.producer import Message
from shared.store.url import open_store
from shared.traffic.network import Network
from tests.kit.networks import along, network_of
from tests.kit.processes import Services
from tests.kit.windows import processed_window

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
HISTORY_ROWS = 6 * 288
LINEAR = Choice((LINEAR_REGRESSION,))

Key = tuple[NetworkId, SensorId, datetime]


def make_network(name: str, sensors: int) -> Network:
    return network_of(*along("I-5 N", [f"{name}{place:02}" for place in range(sensors)], 0.5), network_id=name)


NORTH, SOUTH = make_network("north", 9), make_network("south", 5)
NETWORKS = {network.network_id: network for network in (NORTH, SOUTH)}


def window(network: Network, place: int, step: int, revision: int = 1) -> ProcessedTrafficAggregate:
    speed = 60 + 8 * np.sin(step / 20 + place) - revision
    sensor = network.sensors[place]
    return processed_window(network.network_id, sensor.sensor_id, START + step * WINDOW, float(speed), revision)


def steps(network: Network, first: int, last: int) -> list[ProcessedTrafficAggregate]:
    return [window(network, place, step) for step in range(first, last) for place in range(len(network.sensors))]


@pytest.fixture(scope="module")
def trained() -> Trained:
    rng = np.random.default_rng(1)
    rows = np.arange(HISTORY_ROWS)[:, None]
    speeds = 60 + 8 * np.sin(rows / 20 + np.arange(9)) + rng.normal(0, 1, (HISTORY_ROWS, 9))
    return train(Recording(NORTH, START - timedelta(days=6), speeds, "a test"), LINEAR, now=START)


SETTINGS = {"METRLA_PREDICTOR_MODEL_POLL_SECONDS": "0.2", "METRLA_PREDICTOR_SETTLE_SECONDS": "0.5"}


class Pipeline(Services):
    @property
    def archive(self) -> LocalArchive:
        return LocalArchive(self.folder / "archive")

    async def feed(self, windows: Iterable[ProcessedTrafficAggregate]) -> None:
        await self.produce([Message(AGGREGATES.name, one.network_id.encode(), encode(one)) for one in windows])

    async def predicted(self) -> dict[Key, TrafficPrediction]:
        """The highest revision of each forecast on the log that serves."""
        found: dict[Key, TrafficPrediction] = {}
        for record in await self.read(PREDICTIONS):
            one = decode(TrafficPrediction, record.value)
            assert record.key == one.sensor_id.encode()
            key = one.network_id, one.sensor_id, one.timestamp
            if one.serving and (key not in found or one.revision > found[key].revision):
                found[key] = one
        return found

    def stored(self) -> dict[tuple[Key, str], TrafficPrediction]:
        store = open_store(self.store_url)
        try:
            return {
                ((one.network_id, one.sensor_id, one.timestamp), one.model_name): one for one in store.predictions()
            }
        finally:
            store.close()

    async def until_revisions(self, wanted: Mapping[Key, int]) -> dict[Key, TrafficPrediction]:
        """Return when every forecast is there and has seen all windows."""
        found: dict[Key, TrafficPrediction] = {}

        async def there() -> bool:
            nonlocal found
            found = await self.predicted()
            return {key: one.revision for key, one in found.items()} == wanted

        await self.until(there, "every sensor and step has a prediction that saw all windows")
        return found


def revisions(windows: Iterable[ProcessedTrafficAggregate]) -> dict[Key, int]:
    """What the last forecast of each step must have seen: the newest revision of all windows of its last hour."""
    newest: dict[tuple[NetworkId, SensorId, datetime], int] = {}
    for one in windows:
        key = one.network_id, one.sensor_id, one.window_end
        newest[key] = max(one.revision, newest.get(key, 0))
    total: dict[tuple[NetworkId, datetime], int] = {}
    for (network_id, _, end), revision in newest.items():
        total[network_id, end] = total.get((network_id, end), 0) + revision
    wanted: dict[Key, int] = {}
    for network_id, end in total:
        seen = sum(total.get((network_id, end - age * WINDOW), 0) for age in range(12))
        known = {sensor for name, sensor, first in newest if name == network_id and first <= end}
        wanted |= {(network_id, sensor, end): seen for sensor in known}
    return wanted


@pytest.fixture
async def pipeline(tmp_path: Path, trained: Trained) -> AsyncIterator[Pipeline]:
    for network_id, network in NETWORKS.items():
        write_network(network, tmp_path / network_id)
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        networks = [tmp_path / network_id for network_id in NETWORKS]
        async with Pipeline(broker, tmp_path, networks, SETTINGS) as pipeline:
            for name, artefact in trained.artefacts.items():
                save(pipeline.archive, NORTH.network_id, name, trained.version, artefact)
            yield pipeline


async def test_every_step_is_forecast_for_every_sensor(pipeline: Pipeline, trained: Trained) -> None:
    process = await pipeline.start("predictor")
    windows = steps(NORTH, 0, 20) + steps(SOUTH, 0, 14)
    await pipeline.feed(windows)
    found = await pipeline.until_revisions(revisions(windows))
    latest = found[NORTH.network_id, NORTH.sensors[0].sensor_id, START + 20 * WINDOW]
    assert (latest.model_name, latest.model_version) == ("linear_regression", trained.version)
    assert [one.horizon_minutes for one in latest.horizons] == list(range(5, 65, 5))
    assert latest.basis is PredictionBasis.TRAINED
    early = found[NORTH.network_id, NORTH.sensors[0].sensor_id, START + 5 * WINDOW]
    assert (early.model_name, early.basis) == ("linear_regression", PredictionBasis.IMPUTED)
    untrained = found[SOUTH.network_id, SOUTH.sensors[0].sensor_id, START + 14 * WINDOW]
    assert (untrained.model_name, untrained.model_version) == ("historical_average", "from-stream")
    stored = pipeline.stored()
    for key, one in found.items():
        assert stored[key, one.model_name] == one
    await process.stop()


async def test_a_revision_is_forecast_again_with_the_steps_that_saw_it(pipeline: Pipeline) -> None:
    await pipeline.start("predictor")
    windows = steps(NORTH, 0, 18)
    await pipeline.feed(windows)
    before = await pipeline.until_revisions(revisions(windows))
    windows.append(window(NORTH, 3, 14, revision=3))
    await pipeline.feed(windows[-1:])
    after = await pipeline.until_revisions(revisions(windows))
    changed = {key for key, one in after.items() if one.revision != before[key].revision}
    assert {end for _, _, end in changed} == {START + step * WINDOW for step in range(15, 19)}


@pytest.mark.slow
async def test_killed_again_and_again_it_loses_no_forecast(pipeline: Pipeline, request: pytest.FixtureRequest) -> None:
    chance = random.Random(request.node.name)
    north, south = steps(NORTH, 0, 120), steps(SOUTH, 0, 120)
    windows: list[ProcessedTrafficAggregate] = []
    for position in range(0, 120, 4):
        windows += north[position * 9 : (position + 4) * 9] + south[position * 5 : (position + 4) * 5]
        if chance.random() < 0.3:
            windows.append(window(NORTH, chance.randrange(9), max(0, position - chance.randrange(6)), revision=2))
    wanted = revisions(windows)
    rest = iter(windows)
    for _ in range(3):
        process = await pipeline.start("predictor")
        before = len(await pipeline.read(PREDICTIONS))
        await pipeline.feed([next(rest) for _ in range(len(windows) // 4)])
        more = chance.randrange(1, 250)

        async def forecasting(wished: int = before + more) -> bool:
            return len(await pipeline.read(PREDICTIONS)) >= wished

        await pipeline.until(forecasting, "it forecasts")
        await process.kill()
    await pipeline.feed(rest)
    process = await pipeline.start("predictor")
    found = await pipeline.until_revisions(wanted)
    stored = pipeline.stored()
    for key, one in found.items():
        assert stored[key, one.model_name].revision == one.revision
    await process.stop()


async def test_what_waited_in_memory_of_a_killed_process_is_forecast_without_a_further_window(
    pipeline: Pipeline,
) -> None:
    windows = [*steps(NORTH, 0, 15), *steps(NORTH, 15, 16)[:4]]
    process = await pipeline.start("predictor", METRLA_PREDICTOR_SETTLE_SECONDS="3600")
    await pipeline.feed(windows)
    await pipeline.until_revisions(
        {key: seen for key, seen in revisions(windows).items() if key[2] <= START + 15 * WINDOW}
    )

    async def committed() -> bool:
        async with open_admin(pipeline.bootstrap_servers) as admin:
            offsets = await admin.list_consumer_group_offsets("metrla-predictor")
        return bool(sum(one.offset for one in offsets.values() if one.offset > 0) == len(windows))

    await pipeline.until(committed, "offsets are committed")
    await process.kill()
    await pipeline.start("predictor")
    await pipeline.until_revisions(revisions(windows))


async def test_a_newer_model_takes_over_without_a_missed_step(pipeline: Pipeline, trained: Trained) -> None:
    await pipeline.start("predictor")
    windows = steps(NORTH, 0, 16)
    await pipeline.feed(windows)
    await pipeline.until_revisions(revisions(windows))
    speeds = np.full((HISTORY_ROWS, 9), 50.0) + np.random.default_rng(2).normal(0, 1, (HISTORY_ROWS, 9))
    recording = Recording(NORTH, START - timedelta(days=6), speeds, "newer")
    newer = train(recording, LINEAR, now=START + timedelta(days=1))
    assert newer.version > trained.version
    fed_enough = asyncio.Event()

    async def feed_on() -> None:
        while not fed_enough.is_set():
            more = steps(NORTH, len(windows) // 9, len(windows) // 9 + 1)
            windows.extend(more)
            await pipeline.feed(more)

    feeding = asyncio.create_task(feed_on())
    for name, artefact in newer.artefacts.items():
        save(pipeline.archive, NORTH.network_id, name, newer.version, artefact)
    save(pipeline.archive, NORTH.network_id, "linear_regression", "9", newer.artefacts["historical_average"])

    async def taken_over() -> bool:
        versions = {one.model_version for one in (await pipeline.predicted()).values()}
        return newer.version in versions and "model refused" in pipeline.log

    await pipeline.until(taken_over, "the newer model serves and the unfit one is refused")
    fed_enough.set()
    await feeding
    found = await pipeline.until_revisions(revisions(windows))
    by_step: dict[datetime, set[str]] = {}
    for (_, _, end), one in found.items():
        by_step.setdefault(end, set()).add(one.model_version)
    assert len(by_step) == len(windows) // 9
    assert all(len(versions) == 1 for versions in by_step.values()), "one step, one set of models"
    in_time = [by_step[end].pop() for end in sorted(by_step)]
    assert in_time == sorted(in_time)
    assert set(in_time) == {trained.version, newer.version}


async def test_challengers_run_beside_the_champion_who_can_be_replaced(pipeline: Pipeline) -> None:
    await pipeline.start("predictor")
    fed = 0

    async def feed_one() -> datetime:
        nonlocal fed
        await pipeline.feed(steps(NORTH, fed, fed + 1))
        fed += 1
        return START + fed * WINDOW

    async def said(end: datetime) -> dict[str, bool]:
        """Which models spoke at one origin, and whether they serve, once the step is out."""
        found: dict[str, bool] = {}

        async def both() -> bool:
            records = [decode(TrafficPrediction, one.value) for one in await pipeline.read(PREDICTIONS)]
            found.update({one.model_name: one.serving for one in records if one.timestamp == end})
            return len(found) > 1

        await pipeline.until(both, "both models speak")
        return found

    async def until_serving(name: str) -> None:
        async def met() -> bool:
            return (await said(await feed_one()))[name]

        await pipeline.until(met, f"{name} serves")

    assert await said(await feed_one()) == {"linear_regression": True, "historical_average": False}
    promote(pipeline.archive, NORTH.network_id, Champion("historical_average", None, START, "a test"))
    await until_serving("historical_average")
    assert await said(await feed_one()) == {"linear_regression": False, "historical_average": True}
    roll_back(pipeline.archive, NORTH.network_id)
    await until_serving("linear_regression")


async def test_without_challengers_only_the_champion_speaks(pipeline: Pipeline) -> None:
    await pipeline.start("predictor", METRLA_PREDICTOR_CHALLENGERS="false")
    windows = steps(NORTH, 0, 6)
    await pipeline.feed(windows)
    await pipeline.until_revisions(revisions(windows))
    records = [decode(TrafficPrediction, one.value) for one in await pipeline.read(PREDICTIONS)]
    assert {one.model_name for one in records} == {"linear_regression"}


async def test_a_damaged_window_is_dead_lettered_and_the_stream_goes_on(pipeline: Pipeline) -> None:
    windows = steps(NORTH, 0, 14)
    await pipeline.feed(windows[:50])
    await pipeline.produce([Message(AGGREGATES.name, NORTH.network_id.encode(), b"\xc3\x01 no window")])
    await pipeline.feed(windows[50:])
    await pipeline.start("predictor")
    await pipeline.until_revisions(revisions(windows))
    (letter,) = await pipeline.read(TRAFFIC_EVENTS_DLQ)
    assert letter.value == b"\xc3\x01 no window"
    assert dict(letter.headers)[DEAD_LETTER_REASON] in {b"undecodable", b"unknown_schema"}


async def test_it_says_when_it_is_ready_and_what_it_counted(pipeline: Pipeline) -> None:
    process = await pipeline.start("predictor")
    windows = steps(NORTH, 0, 14)
    await pipeline.feed(windows)
    await pipeline.until_revisions(revisions(windows))
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{process.url}/ready")).status_code == 200
        metrics = (await client.get(f"{process.url}/metrics")).text
    assert 'metrla_predictor_predictions_total{model="linear_regression"}' in metrics


async def test_it_waits_for_a_broker_that_is_not_up_and_stops_when_told(pipeline: Pipeline) -> None:
    process = await pipeline.start("predictor", METRLA_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")

    await pipeline.until(lambda: "will try again" in pipeline.log, "it says that it waits")
    await process.stop()


async def test_it_stops_when_told_though_the_broker_has_gone(pipeline: Pipeline) -> None:
    process = await pipeline.start("predictor")
    windows = steps(NORTH, 0, 13)
    await pipeline.feed(windows)
    await pipeline.until_revisions(revisions(windows))
    await pipeline.broker.__aexit__(None, None, None)
    await process.stop()
