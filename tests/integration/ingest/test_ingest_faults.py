"""Ingest while something it needs is away: it waits, says so, loses nothing, and the rest goes on."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from metrla.local.devbroker import DevBroker
from metrla.local.launcher.plan import free_port
from services.ingest.app import serve
from shared.archive.layout import RAW_ROOT
from shared.events.avro import encode
from shared.events.errors import StoreError
from shared.events.records import ProcessedTrafficAggregate, TrafficEvent
from shared.events.topics import (
    DEAD_LETTER_PART_OF,
    DEAD_LETTER_REASON,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.admin import ensure_topics
from shared.kafka.following import read_topic
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import LogRecord
from shared.runtime.settings import PlatformSettings
from shared.store.sql.store import SqlStore
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.until import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 3, 1, 10, tzinfo=UTC)
STEPS = 6
EVENTS = [
    TrafficEvent(
        f"{sensor.sensor_id}-{step}", NETWORK.network_id, sensor.sensor_id, START + step * NETWORK.window, 50.0
    )
    for step in range(STEPS)
    for sensor in NETWORK.sensors
]


class Running:
    """Ingest in this event loop, seen through its probes."""

    def __init__(self, settings: PlatformSettings, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self.http = http
        self.stop = asyncio.Event()
        self.serving = asyncio.create_task(serve(settings, self.stop))

    async def waits_for(self) -> str:
        try:
            answer = (await self.http.get("/ready")).json()
        except httpx.TransportError:
            return "its own probes"
        return str(answer.get("waiting_for", ""))

    async def figure(self, name: str) -> float:
        page = (await self.http.get("/metrics")).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name))

    async def until_met(self, met: Callable[[], Awaitable[bool]], what: str) -> None:
        async def met_while_serving() -> bool:
            if self.serving.done():
                self.serving.result()
            return await met()

        await until(met_while_serving, what, seconds=45)

    async def until_waiting_for(self, what: str) -> None:
        async def waiting() -> bool:
            now = await self.waits_for()
            return what in now if what else not now

        await self.until_met(waiting, f"it waits for {what or 'nothing'}")

    async def until_archived(self, count: int) -> None:
        async def archived() -> bool:
            return await self.figure("metrla_ingest_archived_events_total") >= count

        await self.until_met(archived, f"{count} events are archived")

    async def until_stored(self, count: int) -> None:
        async def stored() -> bool:
            return len(windows(self.settings)) >= count

        await self.until_met(stored, f"{count} windows are stored")


def windows(settings: PlatformSettings) -> list[ProcessedTrafficAggregate]:
    store = open_store(settings.store_url)
    try:
        return list(store.aggregates())
    finally:
        store.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlatformSettings:
    for name, value in {"ARCHIVE_FLUSH_S": "0.3", "IDLE_TIMEOUT_S": "1", "COMMIT_INTERVAL_S": "0"}.items():
        monkeypatch.setenv(f"METRLA_INGEST_{name}", value)
    return PlatformSettings(
        kafka_bootstrap_servers=f"127.0.0.1:{free_port()}",
        archive_url=(tmp_path / "archive").as_uri(),
        store_url=f"sqlite:///{tmp_path / 'store.sqlite'}",
        metrics_port=free_port(),
    )


@asynccontextmanager
async def broker_of(settings: PlatformSettings) -> AsyncIterator[DevBroker]:
    async with DevBroker(port=int(settings.kafka_bootstrap_servers.rpartition(":")[2])) as broker:
        await ensure_topics(broker.bootstrap_servers)
        yield broker


@asynccontextmanager
async def ingesting(settings: PlatformSettings) -> AsyncIterator[Running]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.metrics_port}") as http:
        running = Running(settings, http)
        try:
            yield running
        finally:
            running.stop.set()
            await asyncio.wait_for(running.serving, 40)


async def feed(settings: PlatformSettings, events: Sequence[TrafficEvent | bytes]) -> None:
    async with open_producer(settings.kafka_bootstrap_servers, "test-feed") as producer:
        await send_all(
            producer,
            [
                Message(TRAFFIC_EVENTS.name, b"k", event)
                if isinstance(event, bytes)
                else Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event))
                for event in events
            ],
        )


async def test_it_waits_for_a_broker_and_begins_when_it_comes(settings: PlatformSettings) -> None:
    async with ingesting(settings) as running:
        await running.until_waiting_for("broker")
        async with broker_of(settings):
            await running.until_waiting_for("")
            await feed(settings, EVENTS)
            await running.until_stored(len(EVENTS))
            await running.until_archived(len(EVENTS))
            running.stop.set()
            await running.serving


async def test_it_stops_while_it_waits_for_a_broker(settings: PlatformSettings) -> None:
    async with ingesting(settings) as running:
        await running.until_waiting_for("broker")
        running.stop.set()
        await asyncio.wait_for(running.serving, 3)


async def test_an_archive_that_is_away_delays_the_archive_and_nothing_else(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    blocked = tmp_path / "archive" / RAW_ROOT
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way", encoding="utf-8")
    async with broker_of(settings), ingesting(settings) as running:
        await feed(settings, EVENTS)
        await running.until_stored(len(EVENTS))
        await running.until_waiting_for("archive: ")
        assert await running.figure("metrla_ingest_archived_events_total") == 0
        blocked.unlink()
        await running.until_archived(len(EVENTS))
        await running.until_waiting_for("")
    assert len(windows(settings)) == len(EVENTS)


async def test_a_store_that_is_away_delays_the_windows_and_loses_none(
    settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = True
    put = SqlStore.put_aggregates

    def failing(self: SqlStore, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        if away:
            raise StoreError("the store is away")
        put(self, aggregates)

    monkeypatch.setattr(SqlStore, "put_aggregates", failing)
    async with broker_of(settings), ingesting(settings) as running:
        await feed(settings, EVENTS)
        await running.until_waiting_for("store: the store is away")
        await running.until_archived(len(EVENTS))
        assert windows(settings) == []
        away = False
        await running.until_stored(len(EVENTS))
        await running.until_waiting_for("")


async def test_a_stop_while_the_store_is_away_leaves_the_work_to_the_next_start(
    settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: SqlStore, __: Sequence[ProcessedTrafficAggregate]) -> None:
        raise StoreError("the store is away")

    async with broker_of(settings):
        with monkeypatch.context() as broken:
            broken.setattr(SqlStore, "put_aggregates", failing)
            async with ingesting(settings) as running:
                await feed(settings, EVENTS)
                await running.until_waiting_for("store: the store is away")
        async with ingesting(settings) as running:
            await running.until_stored(len(EVENTS))


async def test_a_feed_of_which_everything_is_bad_makes_it_not_ready(
    settings: PlatformSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRLA_INGEST_DEAD_LETTER_LIMIT_EVENTS", "100")
    async with broker_of(settings), ingesting(settings) as running:
        await feed(settings, [b"junk"] * 60)
        await running.until_waiting_for("the dead-letter limit")
        assert await running.figure("metrla_ingest_rejected_share_ratio") == 1.0
        await feed(settings, EVENTS)
        await running.until_waiting_for("")
        await running.until_stored(len(EVENTS))


async def test_readings_far_apart_in_time_do_not_hold_windows_open(settings: PlatformSettings) -> None:
    sensor = NETWORK.sensors[0].sensor_id
    gap = [
        TrafficEvent(f"{hours}", NETWORK.network_id, sensor, START + timedelta(hours=hours), 50.0) for hours in (0, 9)
    ]
    async with broker_of(settings), ingesting(settings) as running:
        await feed(settings, gap)
        await running.until_stored(2)


async def test_a_broker_that_dies_for_good_does_not_keep_it_from_stopping(settings: PlatformSettings) -> None:
    async with ingesting(settings) as running, broker_of(settings):
        await feed(settings, EVENTS)
        await running.until_stored(len(EVENTS))


def hostile() -> list[Message]:
    """What used to end ingest, each of them: too large, unspeakable, beyond every sum."""
    good = {
        "event_id": "h",
        "network_id": NETWORK.network_id,
        "sensor_id": NETWORK.sensors[0].sensor_id,
        "timestamp": START.isoformat(),
        "speed_mph": 50.0,
    }

    def of(**changes: object) -> bytes:
        return json.dumps(good | changes).encode()

    key = str(good["sensor_id"]).encode()
    greatest = 1.7976931348623157e308
    return [
        Message(TRAFFIC_EVENTS.name, key, of(timestamp="\x7f" * 300_000)),
        Message(TRAFFIC_EVENTS.name, key, of(timestamp="\x7f" * 30_000)),
        Message(TRAFFIC_EVENTS.name, None, of() + b" " * 2_000_000),
        Message(TRAFFIC_EVENTS.name, key, of(event_id="e" * 2_000_000)),
        Message(TRAFFIC_EVENTS.name, key, of(event_id="x\0y")),
        Message(TRAFFIC_EVENTS.name, key, of(event_id="\ud800")),
        Message(TRAFFIC_EVENTS.name, key, of(event_id="v1", volume_vehicles=greatest)),
        Message(TRAFFIC_EVENTS.name, key, of(event_id="v2", volume_vehicles=greatest, timestamp="2026-03-01T10:01Z")),
        Message(TRAFFIC_EVENTS.name, b"k" * 1_500_000, b"x" * 3_000_000),
        Message(TRAFFIC_EVENTS.name, key, b"\0" * 20_000_000),
        Message(TRAFFIC_EVENTS.name, key, of(), [("h", b"y" * 900_000)]),
    ]


async def dead_letters(settings: PlatformSettings) -> list[LogRecord]:
    return await read_topic(settings.kafka_bootstrap_servers, "test", TRAFFIC_EVENTS_DLQ)


async def test_no_event_ends_it_and_each_is_accounted_for(settings: PlatformSettings) -> None:
    bad = hostile()
    share = -(-len(EVENTS) // len(bad))
    async with broker_of(settings), ingesting(settings) as running:
        async with open_producer(
            settings.kafka_bootstrap_servers, "hostile", idempotent=False, max_record_bytes=64 * 1024 * 1024
        ) as producer:
            for number, message in enumerate(bad):
                await send_all(producer, [message])
                await feed(settings, EVENTS[number * share : (number + 1) * share])
        await running.until_stored(len(EVENTS))
        await running.until_archived(len(EVENTS))

        async def all_kept() -> bool:
            return await running.figure("metrla_ingest_rejected_events_total") >= len(bad)

        await running.until_met(all_kept, "all hostile events are dead-lettered")
        assert await running.figure("metrla_ingest_quarantined_records_total") == 0
        letters = await dead_letters(settings)
    kept: dict[tuple[bytes, bytes], bytes] = {}
    for letter in letters:
        headers = dict(letter.headers)
        assert headers[DEAD_LETTER_STAGE] == b"validate"
        if headers.get(DEAD_LETTER_PART_OF, b"value") == b"value":
            place = headers[SOURCE_PARTITION], headers[SOURCE_OFFSET]
            kept[place] = kept.get(place, b"") + (letter.value or b"")
    assert sorted(kept.values()) == sorted(message.value or b"" for message in bad)


async def test_readings_whose_window_the_store_refuses_are_put_aside_and_the_others_go_on(
    settings: PlatformSettings,
) -> None:
    open_store(settings.store_url).close()
    refused = NETWORK.sensors[1].sensor_id
    with closing(sqlite3.connect(settings.store_url.removeprefix("sqlite:///"))) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON traffic_aggregates "
            f"WHEN NEW.sensor_id = '{refused}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
    async with broker_of(settings), ingesting(settings) as running:
        await feed(settings, EVENTS)
        await running.until_stored(len(EVENTS) - STEPS)

        async def put_aside() -> bool:
            return await running.figure("metrla_ingest_quarantined_records_total") >= STEPS

        await running.until_met(put_aside, "the readings are put aside")
        await running.until_archived(len(EVENTS))
        answer = (await running.http.get("/ready")).json()
        assert answer["status"] == "ready"
        assert "not this one" in answer["note"]
        letters = await dead_letters(settings)
    assert {letter.value for letter in letters} == {encode(event) for event in EVENTS if event.sensor_id == refused}
    assert len(letters) == STEPS
    assert {dict(letter.headers)[DEAD_LETTER_REASON] for letter in letters} == {b"unprocessable"}
    assert {dict(letter.headers)[DEAD_LETTER_STAGE] for letter in letters} == {b"store"}
