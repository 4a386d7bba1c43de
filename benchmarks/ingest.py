"""How fast the ingest process works off a backlog on the embedded broker, against a consumer that decodes and counts.

Run: `python benchmarks/ingest.py`. The broker runs in a process of its own. The time counts from the moment when the
process answers to the last event in the windows, and to the last event in the archive.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from aiokafka import TopicPartition

from shared.events.avro import decode, encode
from shared.events.records import TrafficEvent
from shared.events.topics import AGGREGATES, TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import open_reader
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

EVENTS = 100_000
START = datetime(2012, 5, 2, tzinfo=UTC)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    import socket  # noqa: PLC0415 - for this alone

    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@asynccontextmanager
async def running(*arguments: str, **environment: str) -> AsyncIterator[None]:
    """A process of the project, stopped on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def fill(bootstrap: str, interval_s: float) -> None:
    """A backlog of the example network's readings, every `interval_s` seconds."""
    network, chance = load_network(EXAMPLE_NETWORK), random.Random(1)
    sensors = [sensor.sensor_id for sensor in network.sensors]
    async with open_producer(bootstrap, "bench") as producer:
        for first in range(0, EVENTS, 10_000):
            await send_all(
                producer,
                [
                    Message(
                        TRAFFIC_EVENTS.name,
                        (sensor := sensors[number % len(sensors)]).encode(),
                        encode(
                            TrafficEvent(
                                f"{number:032x}",
                                network.network_id,
                                sensor,
                                START + timedelta(seconds=number // len(sensors) * interval_s),
                                chance.uniform(3, 75),
                            )
                        ),
                    )
                    for number in range(first, first + 10_000)
                ],
            )


async def baseline(bootstrap: str) -> float:
    """Seconds to fetch, decode and count the backlog."""
    partitions = [TopicPartition(TRAFFIC_EVENTS.name, number) for number in range(TRAFFIC_EVENTS.partitions)]
    counts: Counter[str] = Counter()
    async with open_reader(bootstrap, "bench") as reader:
        reader.assign(partitions)
        start = time.perf_counter()
        while counts.total() < EVENTS:
            for batch in (await reader.getmany(timeout_ms=1000)).values():
                counts.update(decode(TrafficEvent, record.value).sensor_id for record in batch)
        return time.perf_counter() - start


def figure(text: str, name: str) -> float:
    """One number of a metrics page."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


async def ingest(bootstrap: str, folder: Path, port: int) -> tuple[float, float, int]:
    """Seconds to the last window, seconds to the last archived event, windows sent."""
    settings = {
        "METRLA_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "METRLA_ARCHIVE_URL": (folder / "archive").as_uri(),
        "METRLA_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "METRLA_METRICS_PORT": str(port),
        "METRLA_INGEST_ARCHIVE_FLUSH_S": "1",
        "METRLA_INGEST_IDLE_TIMEOUT_S": "1",
    }
    windowed = archived = 0.0
    probes = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
    async with running("services.ingest.app", **settings), probes as http:
        start = None
        while not (windowed and archived):
            await asyncio.sleep(0.02)
            try:
                if start is None and (await http.get("/live")).is_success:
                    start = time.perf_counter()
                page = (await http.get("/metrics")).text
            except httpx.HTTPError:
                continue
            passed = time.perf_counter() - (start or 0.0)
            if not windowed and figure(page, "metrla_ingest_events_total") >= EVENTS:
                windowed = passed
            if not archived and figure(page, "metrla_ingest_archived_events_total") >= EVENTS:
                archived = passed
        async with open_reader(bootstrap, "bench") as reader:
            topics = [TopicPartition(AGGREGATES.name, number) for number in range(AGGREGATES.partitions)]
            return windowed, archived, sum((await reader.end_offsets(topics)).values())


async def main() -> None:
    """Print one line per reading interval."""
    titles = f"{'windows ev/s':>13} {'archive ev/s':>13} {'windows':>8} {'baseline ev/s':>14} {'ratio':>6}"
    print(f"{'interval':>9} {titles}")
    for interval_s in (20.0, 300.0):
        broker_port, metrics_port = free_ports(2)
        bootstrap = f"127.0.0.1:{broker_port}"
        with tempfile.TemporaryDirectory() as folder:
            async with running("metrla.local.devbroker", "--port", str(broker_port)):
                await asyncio.sleep(1.5)
                await ensure_topics(bootstrap)
                await fill(bootstrap, interval_s)
                counted = await baseline(bootstrap)
                windowed, archived, sent = await ingest(bootstrap, Path(folder), metrics_port)
        rates = f"{EVENTS / windowed:>13,.0f} {EVENTS / archived:>13,.0f} {sent:>8,} {EVENTS / counted:>14,.0f}"
        print(f"{interval_s:>7.0f} s {rates} {windowed / counted:>6.1f}")


if __name__ == "__main__":
    asyncio.run(main())
