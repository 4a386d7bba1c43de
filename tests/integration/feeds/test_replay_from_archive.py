"""From the archive of one pipeline alone, another gets the same windows."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from hdfs import InsecureClient

from metrla.data.archive.events import read_events
from metrla.data.simulation.simulator import Simulator
from metrla.local.devbroker import DevBroker
from shared.archive.url import open_archive
from shared.archive.webhdfs import WebHdfsAddress
from shared.events.avro import encode
from shared.events.records import ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.processes import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2024, 5, 14, 13, tzinfo=UTC)
HDFS_VARIABLE = "METRLA_TEST_WEBHDFS_URL"
Windows = dict[tuple[SensorId, datetime], ProcessedTrafficAggregate]


SETTINGS = {"METRLA_INGEST_ARCHIVE_FLUSH_S": "0.5", "METRLA_INGEST_IDLE_TIMEOUT_S": "3"}


class Pipeline(Services):
    """A broker, an archive and a store with an ingest of their own."""

    @asynccontextmanager
    async def ingest(self) -> AsyncIterator[None]:
        process = await self.start("ingest")
        try:
            yield
        finally:
            await process.stop()

    async def until_read(self, met: Callable[[], bool], what: str) -> None:
        """Until something holds of archive and store, which takes a while to read."""
        await self.until(lambda: asyncio.to_thread(met), what, seconds=90, every=0.3)

    def windows(self) -> Windows:
        if not Path(urlsplit(self.store_url).path).exists():
            return {}
        with closing(open_store(self.store_url)) as store:
            return {(window.sensor_id, window.window_start): window for window in store.aggregates()}

    def archived(self) -> tuple[int, set[tuple[SensorId, datetime]]]:
        """How many events are archived, and the windows that they lie in."""
        with closing(open_archive(self.archive_url)) as archive:
            events = [one.event for one in read_events(archive, raw=True)]
        return len(events), {(event.sensor_id, NETWORK.window_start(event.timestamp)) for event in events}


@pytest.fixture(params=["local", pytest.param("hdfs", marks=pytest.mark.real)])
def archive_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield (tmp_path / "archive").as_uri()
        return
    if not (given := os.environ.get(HDFS_VARIABLE)):
        pytest.skip(f"{HDFS_VARIABLE} is not set")
    parts = urlsplit(given)
    url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/metrla-replay-{uuid4().hex}"))
    yield url
    address = WebHdfsAddress.parse(url)
    assert InsecureClient(";".join(address.name_nodes), user=address.user).delete(address.root, recursive=True)


def disordered(simulator: Simulator, chance: random.Random) -> list[Message]:
    """Four hours, of which one reading in 50 comes up to an hour late and one in 30 comes again."""
    deliveries = simulator.deliveries(START, START + timedelta(hours=4))
    arrivals: list[tuple[datetime, TrafficEvent]] = []
    for event in (event for delivery in deliveries for event in delivery.events):
        delay = timedelta(minutes=chance.uniform(0, 60)) if chance.random() < 1 / 50 else timedelta()
        arrivals.append((event.timestamp + delay, event))
        if chance.random() < 1 / 30:
            arrivals.append((event.timestamp + delay + timedelta(minutes=chance.uniform(0, 30)), event))
    arrivals.sort(key=itemgetter(0))
    return [Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event)) for _, event in arrivals]


async def test_the_archive_alone_gives_the_same_windows(archive_url: str, tmp_path: Path) -> None:
    async with DevBroker() as old_broker, DevBroker() as new_broker:
        old = Pipeline(old_broker, tmp_path / "old", settings={**SETTINGS, "METRLA_ARCHIVE_URL": archive_url})
        await ensure_topics(old.bootstrap_servers)
        async with old.ingest():
            log = disordered(Simulator(NETWORK, seed=3), random.Random(3))
            sent = len(log)
            for first in range(0, sent, 2000):
                await old.produce(log[first : first + 2000])

            def complete() -> bool:
                count, windows = old.archived()
                return count == sent and old.windows().keys() >= windows

            await old.until_read(complete, "all is archived, and every window of it stored")
        windows = old.windows()
        assert len(windows) > 48 * 40
        assert max(window.revision for window in windows.values()) == 10
        # Duplicates do not count, and some readings came too late to.
        assert sum(window.revision for window in windows.values()) < sent * 0.96

        same = Pipeline(new_broker, tmp_path / "same", settings={"METRLA_ARCHIVE_URL": archive_url})
        refused = await same.metrla("feed", "replay", "--from-archive", "--speed", "max")
        assert refused[0] == 2
        assert "written from another log" in refused[1]

        new = Pipeline(new_broker, tmp_path / "new", settings=SETTINGS)
        async with new.ingest():
            code, output = await new.metrla(
                *("feed", "replay", "--from-archive", "--archive-url", archive_url, "--speed", "max"),
                *("--network", str(EXAMPLE_NETWORK)),
            )
            assert code == 0, output
            assert f"{sent:,} events sent" in output

            def replayed() -> bool:
                return new.windows() == windows and new.archived()[0] == sent

            await new.until_read(replayed, "the same windows and as many events")
        assert new.windows() == windows == old.windows()


async def test_what_cannot_be_replayed_is_said(tmp_path: Path) -> None:
    async with DevBroker() as broker:
        empty = Pipeline(broker, tmp_path)
        code, output = await empty.metrla("feed", "replay", "--from-archive")
        assert (code, "there is no such folder" in output) == (2, True)
        (tmp_path / "archive").mkdir()
        code, output = await empty.metrla("feed", "replay", "--from-archive")
        assert (code, "holds no events of network" in output) == (2, True)
        code, output = await empty.metrla("feed", "replay")
        assert (code, "--from-archive" in output) == (2, True)
