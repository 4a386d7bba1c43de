"""A recorded day through the whole pipeline: nothing is lost, nothing doubled, also when ingest is killed."""

import asyncio
import os
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from metrla.launcher.process import ChildProcess
from metrla.querying.archive_audit import audit_archive
from services.ingest.app import open_validator
from shared.archive.opening import open_archive
from shared.archive.reading import read_events
from shared.events.errors import RejectionReason
from shared.events.topics import (
    DEAD_LETTER_REASON,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
    Topic,
)
from shared.kafka.admin import partitions_of
from shared.kafka.replay import LogRecord, open_reader, read_range
from shared.networks.folder import EXAMPLE_NETWORK
from shared.runtime.clock import wall_clock
from shared.runtime.settings import PlatformSettings
from tests.e2e.pipeline import REPLAYED_DAY, Pipeline, Recorded, eventually, started

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

SECONDS_A_DAY = 86_400


async def test_a_day_goes_through_exactly(recorded: Recorded, tmp_path: Path) -> None:
    async with started(tmp_path, EXAMPLE_NETWORK) as pipeline:
        await train(pipeline, recorded)
        feed = await replay(pipeline, recorded, "max", "--damaged", "0.01")
        assert await feed.wait() == 0, feed.log_tail()
        await check_exact(pipeline, recorded)
        await check_dead_letters(pipeline)
        await check_predictions(pipeline, recorded)


async def test_killing_ingest_loses_and_doubles_nothing(recorded: Recorded, tmp_path: Path) -> None:
    moments = random.Random(5)
    async with started(tmp_path, EXAMPLE_NETWORK) as pipeline:
        # A day in about 15 s, so that the kills fall into it.
        feed = await replay(pipeline, recorded, f"{SECONDS_A_DAY / 15:g}")
        for _ in range(3):
            await asyncio.sleep(moments.uniform(1.5, 4.5))
            await kill(pipeline.child("ingest"))
        assert await feed.wait() == 0, feed.log_tail()
        await check_exact(pipeline, recorded)


async def train(pipeline: Pipeline, recorded: Recorded) -> None:
    command = [sys.executable, "-m", "metrla", "train", "--data", str(recorded.file), "--network", str(EXAMPLE_NETWORK)]
    command += ["--to", REPLAYED_DAY.isoformat(), "--archive-url", pipeline.plan.archive_url]
    trainer = await asyncio.create_subprocess_exec(*command, env=pipeline.plan.environment())
    assert await trainer.wait() == 0


async def replay(pipeline: Pipeline, recorded: Recorded, speed: str, *more: str) -> ChildProcess:
    source = ["replay", str(recorded.file), "--network", str(EXAMPLE_NETWORK)]
    return await pipeline.feed(*source, "--from", REPLAYED_DAY.isoformat(), "--speed", speed, *more)


async def kill(child: ChildProcess) -> None:
    """End a process as a fault would, and wait for its successor."""
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: child.running and child.pid != pid, f"{child.plan.name} is started again")


async def check_exact(pipeline: Pipeline, recorded: Recorded) -> None:
    """The archive holds exactly the readings, the store exactly their windows, and the audit says so too."""
    store = pipeline.store()
    await eventually(lambda: len(list(store.aggregates())) >= len(recorded.readings), "every window is stored")
    windows = {(window.sensor_id, window.window_start): window.mean_speed_mph for window in store.aggregates()}
    store.close()
    assert windows == pytest.approx(recorded.readings)

    archive = open_archive(pipeline.plan.archive_url)
    await eventually(
        lambda: sum(1 for _ in read_events(archive, raw=True)) >= len(recorded.readings), "every reading is archived"
    )
    archived = [(one.event.sensor_id, one.event.timestamp) for one in read_events(archive, raw=True)]
    assert sorted(archived) == sorted(recorded.readings)

    settings = PlatformSettings(networks=(EXAMPLE_NETWORK,))
    with open_validator(settings) as validator:
        audits = await audit_archive(
            pipeline.plan.bootstrap_servers, archive, validator, wall_clock, lambda _done, _total: None
        )
    assert all(audit.exact for audit in audits)
    assert sum(audit.valid for audit in audits) == len(recorded.readings)


async def check_dead_letters(pipeline: Pipeline) -> None:
    """Every damaged event is in the dead-letter topic once, with the key and bytes that the log has where it says."""
    events = {(str(one.partition), str(one.offset)): one for one in await whole_topic(pipeline, TRAFFIC_EVENTS)}
    letters = await whole_topic(pipeline, TRAFFIC_EVENTS_DLQ)
    sources = [tuple(_header(letter, name) for name in (SOURCE_PARTITION, SOURCE_OFFSET)) for letter in letters]
    assert len(set(sources)) == len(sources)
    for letter, (partition, offset) in zip(letters, sources, strict=True):
        source = events[partition, offset]
        assert (letter.key, letter.value) == (source.key, source.value)
        assert _header(letter, DEAD_LETTER_REASON) in set(RejectionReason)
    # One event in a hundred was damaged, and sent on top of the good one.
    assert len(letters) == len(events) - len(list(pipeline.store().aggregates()))
    assert len(letters) > 50


async def whole_topic(pipeline: Pipeline, topic: Topic) -> list[LogRecord]:
    bootstrap = pipeline.plan.bootstrap_servers
    records: list[LogRecord] = []
    async with open_reader(bootstrap, "test-reader") as reader:
        for partition in await partitions_of(bootstrap, [topic]):
            end = (await reader.end_offsets([partition]))[partition]
            records += await read_range(reader, partition, 0, end)
    return records


def _header(record: LogRecord, name: str) -> str:
    value: bytes = dict(record.headers)[name]
    return value.decode()


async def check_predictions(pipeline: Pipeline, recorded: Recorded) -> None:
    """Every sensor has predictions of the trained model, through the store and through the gateway."""
    sensors = {sensor_id for sensor_id, _ in recorded.readings}
    last_window_end = max(when for _, when in recorded.readings) + timedelta(minutes=5)

    async def served() -> bool:
        async with httpx.AsyncClient(base_url=pipeline.plan.gateway_url) as client:
            answer = await client.get(
                "/api/predictions", params={"limit": len(sensors), "model": "linear_regression", "horizon_minutes": 60}
            )
        predictions = answer.raise_for_status().json()
        newest = {one["sensor_id"] for one in predictions if one["timestamp"] >= f"{last_window_end:%Y-%m-%dT%H:%M:%S}"}
        return newest == sensors

    await eventually(served, "the gateway serves a prediction of every sensor from the last window")
    store = pipeline.store()
    predicted = {(one.sensor_id, one.timestamp) for one in store.predictions(model_name="linear_regression")}
    store.close()
    assert {sensor_id for sensor_id, _ in predicted} == sensors
