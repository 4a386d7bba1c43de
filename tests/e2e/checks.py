"""What must hold after a replay, whatever happened during it."""

import asyncio
import os
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrla.data.archive.audit import audit_archive
from metrla.data.archive.events import read_events
from metrla.local.launcher.process import ChildProcess
from services.ingest.app import open_validator
from shared.archive.url import open_archive
from shared.events.errors import RejectionReason
from shared.events.topics import (
    DEAD_LETTER_REASON,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
    Topic,
)
from shared.forecasting.forecasting import LEAST_OBSERVED
from shared.kafka.admin import partitions_of
from shared.kafka.replay import LogRecord, open_reader, read_range
from shared.runtime.clock import wall_clock
from shared.runtime.settings import PlatformSettings
from tests.e2e.pipeline import Pipeline, Recorded, in_time


async def train(pipeline: Pipeline, recorded: Recorded) -> None:
    command = [
        sys.executable,
        "-m",
        "metrla",
        "train",
        "--data",
        str(recorded.file),
        "--network",
        str(recorded.network),
    ]
    command += ["--to", recorded.begin, "--archive-url", pipeline.plan.archive_url, "--models", "linear_regression"]
    trainer = await asyncio.create_subprocess_exec(*command, env=pipeline.plan.environment())
    assert await trainer.wait() == 0


async def replay(pipeline: Pipeline, recorded: Recorded, speed: str, *more: str) -> ChildProcess:
    source = ["replay", str(recorded.file), "--network", str(recorded.network)]
    return await pipeline.feed(*source, "--from", recorded.begin, "--to", recorded.end, "--speed", speed, *more)


async def kill(child: ChildProcess) -> None:
    """End a process as a fault would, and wait for its successor."""
    pid = child.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await in_time(lambda: child.running and child.pid != pid, f"{child.plan.name} is started again")


async def check_exact(pipeline: Pipeline, recorded: Recorded) -> None:
    """The archive holds exactly the readings, the store exactly their windows, and the audit says so too."""
    store = pipeline.store()
    await in_time(lambda: len(list(store.aggregates())) >= len(recorded.readings), "every window is stored")
    windows = {(window.sensor_id, window.window_start): window.mean_speed_mph for window in store.aggregates()}
    store.close()
    assert windows == pytest.approx(recorded.readings)

    archive = open_archive(pipeline.plan.archive_url)
    await in_time(
        lambda: sum(1 for _ in read_events(archive, raw=True)) >= len(recorded.readings), "every reading is archived"
    )
    archived = [(one.event.sensor_id, one.event.timestamp) for one in read_events(archive, raw=True)]
    assert sorted(archived) == sorted(recorded.readings)

    settings = PlatformSettings(networks=(recorded.network,))
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
    """Every sensor has a forecast from the last window by the model, which says where it lacked the sensor's input."""
    sensors = {sensor_id for sensor_id, _ in recorded.readings}
    last_window = max(when for _, when in recorded.readings)
    window = timedelta(minutes=5)
    heard = Counter(
        sensor
        for sensor, _ in {
            (sensor, (last_window - when) // window)
            for sensor, when in recorded.readings
            if when > last_window - timedelta(hours=1)
        }
    )
    origin = (last_window + window).astimezone(UTC)

    async def newest() -> dict[str, tuple[str, str]]:
        async with httpx.AsyncClient(base_url=pipeline.plan.gateway_url) as client:
            answer = await client.get("/api/predictions", params={"limit": 1000, "horizon_minutes": 60})
        predictions = answer.raise_for_status().json()
        return {
            one["sensor_id"]: (one["model_name"], one["basis"])
            for one in predictions
            if datetime.fromisoformat(one["timestamp"]) == origin
        }

    async def served() -> bool:
        return set(await newest()) == sensors

    await in_time(served, "the gateway serves a prediction of every sensor from the last window")
    enough = {sensor for sensor, windows in heard.items() if windows >= LEAST_OBSERVED}
    assert await newest() == {
        sensor: ("linear_regression", "trained" if sensor in enough else "imputed") for sensor in sensors
    }
    store = pipeline.store()
    stored = {(one.sensor_id, one.timestamp) for one in store.predictions()}
    store.close()
    assert {sensor for sensor, when in stored if when == origin} == sensors
    # A sensor that was heard has a forecast from that window, whenever it was.
    assert {(sensor, when.astimezone(UTC) + timedelta(minutes=5)) for sensor, when in recorded.readings} <= stored
