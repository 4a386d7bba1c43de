import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from aiokafka import AIOKafkaProducer, TopicPartition

from metrla.data.feeds.damage import SPOIL, Damager
from metrla.data.feeds.delivery import AsFastAsPossible, Delivery, EventTimePace, RatePace
from metrla.data.feeds.writer import EVENTS_AT_ONCE, FeedCounts, FeedWriter
from metrla.local.devbroker.broker import DevBroker
from services.ingest.validator import EventValidator, Rejection
from shared.events.decoder import EventDecoder
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import open_producer
from shared.kafka.replay import LogRecord, open_reader, read_range
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2024, 5, 14, 14, 15, tzinfo=UTC)
NOW = datetime(2024, 9, 1, tzinfo=UTC)


def deliveries(steps: int | None) -> Iterator[Delivery]:
    for step in count() if steps is None else range(steps):
        at = START + step * timedelta(seconds=30)
        yield Delivery(
            at,
            tuple(
                TrafficEvent(f"{sensor}@{at}", NETWORK.network_id, sensor, at, 60.0, 10.0, 0.1, 1.0)
                for sensor in NETWORK.index
            ),
        )


@asynccontextmanager
async def log() -> AsyncIterator[tuple[DevBroker, AIOKafkaProducer]]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers, [TRAFFIC_EVENTS])
        async with open_producer(broker.bootstrap_servers, "test") as producer:
            yield broker, producer


async def on_the_log(broker: DevBroker) -> list[LogRecord]:
    records: list[LogRecord] = []
    async with open_reader(broker.bootstrap_servers, "test", max_wait_ms=10) as reader:
        for number in range(TRAFFIC_EVENTS.partitions):
            partition = TopicPartition(TRAFFIC_EVENTS.name, number)
            reader.assign([partition])
            end = (await reader.end_offsets([partition]))[partition]
            records += await read_range(reader, partition, 0, end)
    return records


async def test_everything_arrives_in_order_per_sensor_under_its_key() -> None:
    steps = 3 * EVENTS_AT_ONCE // 48
    async with log() as (broker, producer):
        seen: list[int] = []
        published = await FeedWriter(producer).write(
            deliveries(steps), AsFastAsPossible(), asyncio.Event(), lambda state: seen.append(state.events)
        )
        records = await on_the_log(broker)
    assert published.events == len(records) == steps * 48
    assert published.last == START + (steps - 1) * timedelta(seconds=30)
    assert seen == sorted(seen)
    assert max(later - earlier for earlier, later in zip([0, *seen], seen, strict=False)) < EVENTS_AT_ONCE + 48
    decode = EventDecoder()
    times: dict[SensorId, list[datetime]] = {}
    for record in records:
        event = decode(record.value or b"", record.partition, record.offset)
        assert record.key == event.sensor_id.encode()
        times.setdefault(event.sensor_id, []).append(event.timestamp)
    assert all(one == sorted(one) and len(one) == steps for one in times.values())


async def test_event_time_pace_is_kept_by_the_wall_clock() -> None:
    async with log() as (_, producer):
        started = time.monotonic()
        published = await FeedWriter(producer).write(deliveries(21), EventTimePace(START, 1200.0), asyncio.Event())
    assert published.events == 21 * 48
    # Ten minutes of event time, from the first delivery to the last.
    assert 0.5 <= time.monotonic() - started < 5


async def test_a_rate_is_kept() -> None:
    async with log() as (_, producer):
        published = await FeedWriter(producer).write(deliveries(11), RatePace(960.0), asyncio.Event())
    assert published.events == 11 * 48
    assert published.seconds >= 0.5


async def test_stop_ends_an_endless_feed_and_the_count_is_what_is_on_the_log() -> None:
    stop = asyncio.Event()

    def soon(state: FeedCounts) -> None:
        if state.events >= 48 * 5:
            stop.set()

    async with log() as (broker, producer):
        published = await asyncio.wait_for(
            FeedWriter(producer).write(deliveries(None), EventTimePace(START, 3000.0), stop, soon), 20
        )
        assert len(await on_the_log(broker)) == published.events >= 48 * 5


async def test_stop_does_not_wait_for_the_next_event() -> None:
    stop = asyncio.Event()
    async with log() as (_, producer):
        task = asyncio.create_task(FeedWriter(producer).write(deliveries(None), EventTimePace(START, 0.001), stop))
        stop.set()
        await asyncio.wait_for(task, 10)


async def test_damaged_copies_come_on_top() -> None:
    async with log() as (broker, producer):
        publisher = FeedWriter(producer, Damager(0.2, seed=3), clock=lambda: NOW)
        published = await publisher.write(deliveries(20), AsFastAsPossible(), asyncio.Event())
        records = await on_the_log(broker)
    assert published.events == 960
    assert len(records) == 960 + published.damaged.total()
    validator = EventValidator({NETWORK.network_id: NETWORK}, EventDecoder())
    verdicts = [validator.validate(r.key, r.value, r.partition, r.offset, NOW) for r in records]
    assert sum(isinstance(verdict, TrafficEvent) for verdict in verdicts) == 960
    reasons = [verdict.reason for verdict in verdicts if isinstance(verdict, Rejection)]
    assert {reason: reasons.count(reason) for reason in SPOIL} == dict(published.damaged)


def test_every_kind_of_damage_is_rejected_for_its_own_reason() -> None:
    validator = EventValidator({NETWORK.network_id: NETWORK}, EventDecoder())
    damager = Damager(1.0, seed=1)
    met = set()
    event = next(deliveries(1)).events[0]
    for _ in range(500):
        damaged = damager.copy_of(event, NOW)
        assert damaged is not None
        verdict = validator.validate(damaged.key, damaged.value, 0, 0, NOW)
        assert isinstance(verdict, Rejection)
        assert verdict.reason is damaged.reason
        met.add(verdict.reason)
    assert met == set(SPOIL)


def test_damage_is_repeatable() -> None:
    event = TrafficEvent("e", NetworkId("n"), SensorId("s"), START, 50.0)
    runs = [[damager.copy_of(event, NOW) for _ in range(50)] for damager in (Damager(0.3, 9), Damager(0.3, 9))]
    assert runs[0] == runs[1]
    assert any(runs[0])
    assert not all(runs[0])
