"""`metrla archive verify` against the embedded broker and an archive that the real ingest process wrote."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from typer.testing import CliRunner, Result

from metrla.cli.archive import app
from metrla.data.archive.events import raw_files, read_events
from metrla.data.importing.folder import write_network
from metrla.local.devbroker import DevBroker
from services.ingest.checkpoint import Checkpoint
from shared.archive.container import decode_container, encode_container
from shared.archive.layout import RawFile
from shared.archive.port import Archive
from shared.archive.url import open_archive
from shared.events.avro import encode
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import TopicError, ensure_topics, open_admin
from shared.kafka.producer import Message
from shared.kafka.progress import ARCHIVE_GROUP, WINDOWS_GROUP
from shared.kafka.replay import open_reader
from tests.kit.networks import along, network_of
from tests.kit.processes import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

NETWORK = NetworkId("freeway")
SENSORS = [SensorId(f"{number:03}") for number in range(20)]
FREEWAY = network_of(*along("I-5 N", SENSORS), network_id=NETWORK)
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
STEPS = 48
DAMAGED, WITHOUT_KEY, TWICE = 12, 9, 15


class Pipeline(Services):
    async def verify(self) -> Result:
        def run() -> Result:
            arguments = ["verify", "--format", "json"]
            return CliRunner().invoke(app, arguments, env=self.environment(), catch_exceptions=False)

        return await asyncio.to_thread(run)


def pipeline_on(broker: DevBroker, folder: Path) -> Pipeline:
    return Pipeline(broker, folder, [folder / "network"], {"METRLA_INGEST_ARCHIVE_FLUSH_S": "0.3"})


def feed() -> list[Message]:
    """Valid readings with damaged ones, ones without their key and ones sent twice among them, in a fixed order."""
    chance = random.Random(11)
    readings = [
        TrafficEvent(f"{sensor}-{step}", NETWORK, sensor, START + step * timedelta(minutes=5), chance.uniform(5, 70))
        for step in range(STEPS)
        for sensor in SENSORS
    ]
    messages = [Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event)) for event in readings]
    for message in chance.sample(messages, TWICE):
        messages.insert(messages.index(message) + 1, message)
    for place in chance.sample(range(len(messages)), WITHOUT_KEY):
        messages[place] = replace(messages[place], key=None)
    for number in range(DAMAGED):
        bad = encode(replace(readings[0], speed_mph=500.0)) if number % 2 else b"damaged"
        messages.insert(chance.randrange(len(messages)), Message(TRAFFIC_EVENTS.name, b"000", bad))
    return messages


async def ingested(bootstrap_servers: str) -> bool:
    """Whether both groups have handled all there is."""
    async with open_reader(bootstrap_servers, "test") as reader, open_admin(bootstrap_servers) as admin:
        partitions = [TopicPartition(TRAFFIC_EVENTS.name, number) for number in range(TRAFFIC_EVENTS.partitions)]
        ends = {partition: end for partition, end in (await reader.end_offsets(partitions)).items() if end}
        archived = await admin.list_consumer_group_offsets(ARCHIVE_GROUP)
        windows = await admin.list_consumer_group_offsets(WINDOWS_GROUP)
    handled = {
        partition: checkpoint.handled
        for partition, commit in windows.items()
        if (checkpoint := Checkpoint.read(commit.offset, commit.metadata)) is not None
    }
    return all(archived.get(p) and archived[p].offset == end == handled.get(p) for p, end in ends.items())


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    """An archive that ingest wrote; the process has ended, the broker goes on."""
    async with DevBroker() as broker:
        write_network(FREEWAY, tmp_path / "network")
        await ensure_topics(broker.bootstrap_servers)
        async with pipeline_on(broker, tmp_path) as pipeline:
            await pipeline.produce(feed())
            ingest = await pipeline.start("ingest")
            await pipeline.until(lambda: ingested(broker.bootstrap_servers), "both groups have handled all there is")
            await ingest.stop()
            yield pipeline


def totals(result: Result) -> dict[str, int]:
    rows = json.loads(result.stdout)
    return {name: sum(row[name] for row in rows) for name in rows[0] if name != "partition"}


def some_file(archive: Archive) -> RawFile:
    return max(raw_files(archive), key=lambda file: file.last_offset - file.first_offset)


async def test_what_ingest_archived_is_exact(pipeline: Pipeline) -> None:
    result = await pipeline.verify()
    found = totals(result)
    valid = len(SENSORS) * STEPS + TWICE
    assert found["valid"] == found["archived"] == valid
    assert found["rejected"] == DAMAGED
    assert found["rekeyed"] == WITHOUT_KEY
    assert found["not_yet_archived"] == 0
    assert [found[fault] for fault in ("missing", "doubled", "unexpected", "altered", "unaccounted", "expired")] == [
        0
    ] * 6
    assert result.stderr == f"exact: {valid:,} valid events on the log, each archived once\n"
    assert result.exit_code == 0
    archive = open_archive(pipeline.archive_url)
    assert len(list(read_events(archive, NETWORK))) == len(SENSORS) * STEPS
    assert len(list(read_events(archive, NETWORK, raw=True))) == valid


async def test_every_kind_of_tampering_is_found(pipeline: Pipeline) -> None:
    archive = open_archive(pipeline.archive_url)
    file = some_file(archive)
    original = archive.read(file.path)
    events = list(decode_container(original))

    async def faults() -> dict[str, int]:
        result = await pipeline.verify()
        assert result.exit_code == 1
        assert "not exact" in result.stderr
        return {name: count for name, count in list(totals(result).items())[7:] if count}

    archive.delete(file.path)
    assert await faults() == {"missing": len(events)}

    altered = replace(events[0], event=replace(events[0].event, speed_mph=0.0))
    archive.write(file.path, encode_container([altered, *events[1:]]))
    assert await faults() == {"altered": 1}

    archive.write(file.path, original)
    leftover = replace(file, first_offset=events[1].offset)
    archive.write(leftover.path, encode_container(events[1:]))
    assert await faults() == {"doubled": len(events) - 1}

    # What lies past the commit is an archiver's work in hand, not a fault.
    archive.delete(leftover.path)
    ahead = replace(file, first_offset=10**6, last_offset=10**6)
    archive.write(ahead.path, encode_container([replace(events[0], offset=10**6)]))
    assert (await pipeline.verify()).exit_code == 0


async def test_a_log_without_the_topic_is_refused(tmp_path: Path) -> None:
    async with DevBroker() as broker:
        write_network(FREEWAY, tmp_path / "network")
        with pytest.raises(TopicError, match="traffic-events does not exist"):
            await pipeline_on(broker, tmp_path).verify()


async def test_an_archiver_that_has_not_begun_is_not_a_fault(tmp_path: Path) -> None:
    async with DevBroker() as broker:
        write_network(FREEWAY, tmp_path / "network")
        await ensure_topics(broker.bootstrap_servers)
        pipeline = pipeline_on(broker, tmp_path)
        await pipeline.produce(feed()[:50])
        result = await pipeline.verify()
    assert result.exit_code == 0
    assert totals(result)["not_yet_archived"] == 50
    assert totals(result)["valid"] == 0
