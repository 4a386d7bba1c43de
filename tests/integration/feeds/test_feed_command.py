"""`metrla feed` as a process of its own, against an embedded broker."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest
from aiokafka import TopicPartition

from metrla.local.devbroker.broker import DevBroker
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.replay import open_reader, read_range
from tests.kit.places import ROOT

pytestmark = pytest.mark.integration


@pytest.fixture
async def broker() -> AsyncIterator[DevBroker]:
    async with DevBroker() as running:
        await ensure_topics(running.bootstrap_servers, [TRAFFIC_EVENTS])
        yield running


async def start(broker: DevBroker, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from metrla.cli.feed import app; app()", *arguments),
        cwd=ROOT,
        env={**os.environ, "METRLA_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers},
        stdout=PIPE,
        stderr=STDOUT,
    )


async def run(broker: DevBroker, *arguments: str) -> tuple[int | None, str]:
    process = await start(broker, *arguments)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def values(broker: DevBroker) -> list[bytes]:
    found: list[bytes] = []
    async with open_reader(broker.bootstrap_servers, "test", max_wait_ms=10) as reader:
        for number in range(TRAFFIC_EVENTS.partitions):
            partition = TopicPartition(TRAFFIC_EVENTS.name, number)
            reader.assign([partition])
            end = (await reader.end_offsets([partition]))[partition]
            found += [record.value or b"" for record in await read_range(reader, partition, 0, end)]
    return found


async def test_simulate_sends_warm_up_and_then_the_time_asked_for(broker: DevBroker) -> None:
    code, output = await run(
        broker,
        *("simulate", "--start", "2024-05-14T07:15", "--duration", "10m", "--warm-up", "1h", "--speed", "max"),
    )
    assert code == 0, output
    assert "6,720 events sent" in output
    events = [decode(TrafficEvent, value) for value in await values(broker)]
    assert len(events) == 70 * 2 * 48
    assert len({event.event_id for event in events}) == len(events)
    assert (
        f"{min(e.timestamp for e in events):%H:%M:%S} {max(e.timestamp for e in events):%H:%M:%S}"
        == "13:15:00 14:24:30"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_an_endless_feed_stops_cleanly_with_a_summary(broker: DevBroker, number: int, code: int) -> None:
    process = await start(broker, "simulate", "--speed", "120")
    deadline = asyncio.get_running_loop().time() + 60
    while not await values(broker):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    process.send_signal(number)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == code
    sent = re.search(r"([\d,]+) events sent .*; stopped", output.decode())
    assert sent is not None, output
    assert int(sent[1].replace(",", "")) == len(await values(broker))


async def test_replay_of_a_file_with_damage(broker: DevBroker, tmp_path: Path) -> None:
    times = pd.date_range("2012-05-02", periods=288, freq="5min")
    table = pd.DataFrame({"405N-01": 61.0, "405N-02": 0.0, "999": 5.0}, index=times)
    table.to_csv(tmp_path / "speeds.csv")
    code, output = await run(
        broker,
        *("replay", str(tmp_path / "speeds.csv"), "--from", "2012-05-02T06:00", "--to", "2012-05-02T18:00"),
        *("--speed", "max", "--skip-unknown", "--damaged", "0.5"),
    )
    assert code == 0, output
    assert "144 events sent" in output
    assert "288 readings read, 144 of them missing" in output
    assert "144 readings left out: the network does not have their sensors" in output
    damaged = re.search(r"(\d+) damaged copies", output)
    assert damaged is not None
    assert len(await values(broker)) == 144 + int(damaged[1])
    good = 0
    for value in await values(broker):
        try:
            good += not decode(TrafficEvent, value).event_id.startswith("damaged-")
        except RejectedEventError:
            continue
    assert good == 144
