"""The scores of a running predictor: there as windows come, and the same whenever it is killed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
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
from shared.events.avro import encode
from shared.events.records import ProcessedTrafficAggregate, SensorId
from shared.events.topics import AGGREGATES
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.forecasting.registry.registry import save
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message
from shared.store.model_records import ModelRole, ModelScore, ServedModel
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.networks import along, network_of
from tests.kit.processes import Services, store_url
from tests.kit.windows import processed_window

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
SENSORS, HISTORY_ROWS, STEPS = 6, 6 * 288, 36
SECONDS = 90.0
NETWORK = network_of(*along("I-5 N", [f"s{place}" for place in range(SENSORS)], 0.5), network_id="north")
MODELS = {"historical_average", "linear_regression"}
Scores = dict[tuple[str, datetime], ModelScore]


def window(place: int, step: int, revision: int = 1) -> ProcessedTrafficAggregate:
    speed = float(50 + 12 * np.sin(step / 7 + place) - revision)
    sensor = NETWORK.sensors[place]
    return processed_window(NETWORK.network_id, sensor.sensor_id, START + step * WINDOW, speed, revision)


def step_of(number: int) -> list[ProcessedTrafficAggregate]:
    return [window(place, number) for place in range(SENSORS)]


LATE = {24: window(2, 20, revision=3), 31: window(4, 30, revision=2)}
"""After which step a reading comes late, and changes which window."""


def final_revisions(windows: Iterable[ProcessedTrafficAggregate]) -> dict[datetime, int]:
    """Revision of the last score of each window: of it, and of all windows that its twelve forecasts were made from."""
    newest: dict[tuple[SensorId, int], int] = {}
    for one in windows:
        key = one.sensor_id, (one.window_start - START) // WINDOW
        newest[key] = max(one.revision, newest.get(key, 0))
    total = [sum(newest.get((sensor.sensor_id, number), 0) for sensor in NETWORK.sensors) for number in range(STEPS)]
    made_from = [sum(total[max(0, number - 11) : number + 1]) for number in range(STEPS)]
    return {
        START + (number + 1) * WINDOW: total[number] + sum(made_from[max(0, number - 12) : number])
        for number in range(1, STEPS)
    }


def differences(found: Mapping[tuple[str, datetime], int], wanted: Mapping[tuple[str, datetime], int]) -> str:
    """Which scores are not of the revision that they should be of; 0 stands for none."""
    return ", ".join(
        f"{model} of step {(end - START) // WINDOW - 1}: {found.get((model, end), 0)} for {wanted.get((model, end), 0)}"
        for model, end in sorted(found.keys() | wanted.keys())
        if found.get((model, end)) != wanted.get((model, end))
    )


SETTINGS = {"METRLA_PREDICTOR_MODEL_POLL_SECONDS": "0.2", "METRLA_PREDICTOR_SETTLE_SECONDS": "0.5"}


@dataclass(kw_only=True)
class Predictor(Services):
    store: Store

    async def feed(self, windows: Sequence[ProcessedTrafficAggregate]) -> None:
        await self.produce([Message(AGGREGATES.name, one.network_id.encode(), encode(one)) for one in windows])

    def scores(self) -> Scores:
        return {(one.model_name, one.timestamp): one for one in self.store.model_scores(NETWORK.network_id)}

    def served(self) -> list[ServedModel]:
        return list(self.store.served_models(NETWORK.network_id))

    async def until_scored(self, number: int) -> None:
        end = START + (number + 1) * WINDOW

        def scored() -> bool:
            return {one.model_name for one in self.store.model_scores(NETWORK.network_id, start=end)} == MODELS

        await self.until(lambda: asyncio.to_thread(scored), f"step {number} is scored", SECONDS)

    async def until_final(self) -> Scores:
        by_window = final_revisions([*(one for number in range(STEPS) for one in step_of(number)), *LATE.values()])
        wanted = {(model, end): revision for model in MODELS for end, revision in by_window.items()}
        found: Scores = {}

        def missing() -> str:
            return differences({key: one.revision for key, one in found.items()}, wanted)

        def final() -> bool:
            nonlocal found
            found = self.scores()
            return not missing()

        await self.until(
            lambda: asyncio.to_thread(final),
            lambda: f"every window is scored by all that is known; {self.left_out()}: {missing()}",
            SECONDS,
        )
        return found

    def left_out(self) -> str:
        name = "metrla_predictor_steps_without_challengers_total "
        try:
            return next(line for line in self.metrics().splitlines() if line.startswith(name))
        except httpx.TransportError as away:
            return f"its metrics are away ({away})"

    def metrics(self) -> str:
        return httpx.get(f"{self.processes[-1].url}/metrics").text


@pytest.fixture(scope="module")
def trained() -> Trained:
    rng = np.random.default_rng(1)
    rows = np.arange(HISTORY_ROWS)[:, None]
    speeds = 50 + 12 * np.sin(rows / 7 + np.arange(SENSORS)) + rng.normal(0, 1, (HISTORY_ROWS, SENSORS))
    recording = Recording(NETWORK, START - timedelta(days=6), speeds, "a test")
    return train(recording, Choice((LINEAR_REGRESSION,)), now=START)


@asynccontextmanager
async def running(folder: Path, trained: Trained) -> AsyncIterator[Predictor]:
    write_network(NETWORK, folder / "north")
    archive = LocalArchive(folder / "archive")
    for name, artefact in trained.artefacts.items():
        save(archive, NETWORK.network_id, name, trained.version, artefact)
    with closing(open_store(store_url(folder))) as store:
        async with DevBroker() as broker:
            await ensure_topics(broker.bootstrap_servers)
            async with Predictor(broker, folder, [folder / "north"], SETTINGS, store=store) as predictor:
                await predictor.start("predictor")
                yield predictor


async def feed_all(predictor: Predictor, kill_at: Mapping[int, float] | None = None) -> None:
    """Feed all steps; `kill_at` tells after which it is killed, and how many seconds after."""
    kill_at = kill_at or {}
    for number in range(STEPS):
        await predictor.feed(step_of(number))
        if number in kill_at:
            await asyncio.sleep(kill_at[number])
            await predictor.processes[-1].kill()
            await predictor.start("predictor")
        if number:
            await predictor.until_scored(number)
        if number in LATE:
            await predictor.feed([LATE[number]])


async def test_scores_are_the_same_whenever_it_is_killed(
    tmp_path: Path, trained: Trained, request: pytest.FixtureRequest
) -> None:
    async with running(tmp_path / "undisturbed", trained) as predictor:
        await feed_all(predictor)
        undisturbed = await predictor.until_final()
    assert {len(one.horizons) for one in undisturbed.values()} == set(range(1, 13))
    assert all(each.pairs == SENSORS for one in undisturbed.values() for each in one.horizons)
    chance = random.Random(request.node.name)
    # At any moment of a step: a few hundredths of a second after its windows came it is forecast and scored.
    kill_at = {number: chance.uniform(0, 0.3) for number in chance.sample(range(18, STEPS), 2)} | {17: 0.0}
    async with running(tmp_path / "killed", trained) as predictor:
        await feed_all(predictor, kill_at)
        killed = await predictor.until_final()
    for key, score in undisturbed.items():
        assert killed[key] == score


async def test_figures_and_roles_are_there_to_see(tmp_path: Path, trained: Trained) -> None:
    async with running(tmp_path / "predictor", trained) as predictor:
        for number in range(18):
            await predictor.feed(step_of(number))
            if number:
                await predictor.until_scored(number)
        served = predictor.served()
        assert [(one.model_name, one.model_version, one.role) for one in served] == [
            ("historical_average", trained.version, ModelRole.CHALLENGER),
            ("linear_regression", trained.version, ModelRole.CHAMPION),
        ]
        assert all("validation" in one.card["results"] and "sensors" not in one.card for one in served)
        shown = predictor.metrics()
        assert 'metrla_predictor_rolling_mae_mph{horizon="15",model="linear_regression",network="north"} ' in shown
        assert 'metrla_predictor_rolling_coverage_ratio{horizon="30",model="historical_average"' in shown
        assert f'model="linear_regression",network="north",role="champion",version="{trained.version}"}} 1.0' in shown
        archive = LocalArchive(predictor.folder / "archive")
        # What serves another model is not what its name says.
        save(archive, NETWORK.network_id, "linear_regression", "9", trained.artefacts["historical_average"])

        def refused() -> bool:
            return any(one.role is ModelRole.REFUSED and one.model_version == "9" for one in predictor.served())

        await predictor.until(refused, "the damaged version is refused", SECONDS)
        (one,) = (one for one in predictor.served() if one.role is ModelRole.REFUSED)
        assert one.reason is not None
        assert one.card == {}
