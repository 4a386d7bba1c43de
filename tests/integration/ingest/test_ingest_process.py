"""The real ingest process on the embedded broker: what went in comes out once, also when it is killed."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aiokafka import TopicPartition

from metrla.data.importing.folder import write_network
from metrla.local.devbroker import DevBroker
from services.ingest.summary import summarise
from shared.archive.container import ArchivedEvent, decode_container
from shared.archive.layout import RAW_ROOT
from shared.archive.url import open_archive
from shared.events.avro import decode, encode
from shared.events.errors import RejectionReason
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.events.topics import (
    AGGREGATES,
    DEAD_LETTER_DETAIL,
    DEAD_LETTER_REASON,
    REKEYED_FROM,
    SENSOR_TIMES,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
    Topic,
)
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import LogRecord, open_reader
from shared.store.url import open_store
from shared.traffic.health.times import read_times
from tests.kit.networks import along, network_of
from tests.kit.processes import ServiceProcess, Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

START = datetime(2012, 5, 2, 8, tzinfo=UTC)
NETWORK_ID = NetworkId("freeway")
SENSORS = tuple(SensorId(f"{number:03d}") for number in range(24))
READING = timedelta(seconds=30)
NETWORK = network_of(*along("I-5 N", SENSORS), network_id=NETWORK_ID, reading_interval=READING)
SETTINGS = {
    "METRLA_INGEST_ARCHIVE_FLUSH_S": "0.5",
    "METRLA_INGEST_IDLE_TIMEOUT_S": "2",
    "METRLA_INGEST_COMMIT_INTERVAL_S": "0.2",
}
WindowKey = tuple[SensorId, datetime]


def reading(step: int, sensor: SensorId, chance: random.Random) -> TrafficEvent:
    when = START + step * READING
    return TrafficEvent(f"{sensor}-{step}", NETWORK_ID, sensor, when, chance.uniform(3, 75), chance.randint(0, 20))


def message(event: TrafficEvent) -> Message:
    return Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event))


def readings(steps: int, seed: int = 7) -> list[TrafficEvent]:
    chance = random.Random(seed)
    return [reading(step, sensor, chance) for step in range(steps) for sensor in SENSORS]


def expected(events: Iterable[TrafficEvent]) -> dict[WindowKey, ProcessedTrafficAggregate]:
    """The windows of distinct readings, none of them too late; the first of a moment counts."""
    taken: dict[WindowKey, dict[int, TrafficEvent]] = {}
    for event in events:
        window = taken.setdefault((event.sensor_id, NETWORK.window_start(event.timestamp)), {})
        window.setdefault(int(event.timestamp.timestamp() * 1000), event)
    return {
        (sensor, start): summarise(NETWORK_ID, sensor, start, start + NETWORK.window, 10.0, window)
        for (sensor, start), window in taken.items()
    }


class Pipeline(Services):
    """A broker, an archive, a store and the processes under test."""

    async def end(self, topic: Topic) -> int:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        async with open_reader(self.bootstrap_servers, "test-reader") as reader:
            return sum((await reader.end_offsets(partitions)).values())

    async def sent_windows(self) -> dict[WindowKey, ProcessedTrafficAggregate]:
        best: dict[WindowKey, ProcessedTrafficAggregate] = {}
        for record in await self.read(AGGREGATES):
            assert record.key == NETWORK_ID.encode()
            window = decode(ProcessedTrafficAggregate, record.value)
            known = best.get((window.sensor_id, window.window_start))
            if known is None or known.revision <= window.revision:
                best[window.sensor_id, window.window_start] = window
        return best

    def stored_windows(self) -> dict[WindowKey, ProcessedTrafficAggregate]:
        store = open_store(self.store_url)
        try:
            return {(window.sensor_id, window.window_start): window for window in store.aggregates()}
        finally:
            store.close()

    def archived(self) -> list[ArchivedEvent]:
        archive = open_archive(self.archive_url)
        files = [entry.path for entry in archive.list(RAW_ROOT) if entry.path.endswith(".avro")]
        return [archived for path in files for archived in decode_container(archive.read(path), path)]

    async def verify(self, events: Sequence[TrafficEvent], bad: int = 0) -> None:
        """Everything good is in archive, store and topic, everything bad in the dead-letter topic, all exactly once."""
        windows = expected(events)

        async def complete() -> bool:
            return (
                self.stored_windows() == windows
                and len(self.archived()) >= len(events)
                and await self.end(TRAFFIC_EVENTS_DLQ) >= bad
            )

        await self.until(complete, "archive, store and dead letters are complete")
        assert await self.sent_windows() == windows
        archived = Counter((one.partition, one.offset) for one in self.archived())
        assert set(archived.values()) == {1}
        log = {(record.partition, record.offset): record for record in await self.read(TRAFFIC_EVENTS)}
        copies = {place for place, record in log.items() if REKEYED_FROM in dict(record.headers)}
        letters = [source(record) for record in await self.read(TRAFFIC_EVENTS_DLQ)]
        assert len(letters) == len(set(letters)) == bad
        assert set(archived) == set(log) - copies - set(letters)
        assert all(encode(one.event) == log[one.partition, one.offset].value for one in self.archived())


def source(record: LogRecord) -> tuple[int, int]:
    headers = dict(record.headers)
    assert headers[SOURCE_TOPIC] == TRAFFIC_EVENTS.name.encode()
    return int(headers[SOURCE_PARTITION]), int(headers[SOURCE_OFFSET])


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    write_network(NETWORK, tmp_path / "network")
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Pipeline(broker, tmp_path, [tmp_path / "network"], SETTINGS) as pipeline:
            yield pipeline


async def test_events_become_windows_and_files(pipeline: Pipeline) -> None:
    events = readings(60)
    await pipeline.produce([message(event) for event in events])
    process = await pipeline.start("ingest")
    await pipeline.verify(events)
    await process.stop()
    pending = [entry.path for entry in open_archive(pipeline.archive_url).list(f"{RAW_ROOT}/_pending")]
    assert pending == []
    assert "ERROR" not in pipeline.log.upper()


async def test_a_restart_after_a_clean_stop_changes_nothing(pipeline: Pipeline) -> None:
    events = readings(90)
    half = len(events) // 2
    await pipeline.produce([message(event) for event in events[:half]])
    process = await pipeline.start("ingest")
    await pipeline.verify(events[:half])
    await process.stop()
    await pipeline.produce([message(event) for event in events[half:]])
    await pipeline.start("ingest")
    await pipeline.verify(events)


async def test_a_stop_flushes_what_the_archive_waits_for(pipeline: Pipeline) -> None:
    events = readings(40)
    await pipeline.produce([message(event) for event in events])
    process = await pipeline.start("ingest", METRLA_INGEST_ARCHIVE_FLUSH_S="3600")
    windows = expected(events)

    async def stored() -> bool:
        return pipeline.stored_windows() == windows

    await pipeline.until(stored, "the windows are stored")
    await process.stop()
    assert len(pipeline.archived()) == len(events)


def damaged(events: Sequence[TrafficEvent]) -> list[tuple[RejectionReason, bytes]]:
    good = events[len(events) // 2]
    ahead = datetime.now(UTC) + timedelta(days=2)
    return [
        (RejectionReason.UNDECODABLE, encode(good)[:-3]),
        (RejectionReason.UNDECODABLE, b""),
        (RejectionReason.UNDECODABLE, b"not an event \xff"),
        (RejectionReason.UNDECODABLE, b'{"sensor_id": '),
        (RejectionReason.UNKNOWN_SCHEMA, b"\xc3\x01" + bytes(8) + b"x"),
        (RejectionReason.UNKNOWN_SCHEMA, b"\x00\x00\x00\x00\x01abc"),
        (RejectionReason.MAPPING_FAILED, b'{"sensor_id": "001", "speed": 40}'),
        (RejectionReason.INVALID_FIELD, encode(replace(good, event_id=""))),
        (RejectionReason.INVALID_FIELD, encode(replace(good, share_observed=1.5))),
        (RejectionReason.SPEED_OUT_OF_RANGE, encode(replace(good, speed_mph=120.5))),
        (RejectionReason.SPEED_OUT_OF_RANGE, encode(replace(good, speed_mph=float("nan")))),
        (RejectionReason.VOLUME_OUT_OF_RANGE, encode(replace(good, volume_vehicles=-1.0))),
        (RejectionReason.OCCUPANCY_OUT_OF_RANGE, encode(replace(good, occupancy=1.01))),
        (RejectionReason.COORDINATES_OUT_OF_RANGE, encode(replace(good, latitude=91.0, longitude=0.0))),
        (RejectionReason.UNKNOWN_NETWORK, encode(replace(good, network_id=NetworkId("elsewhere")))),
        (RejectionReason.UNKNOWN_SENSOR, encode(replace(good, sensor_id=SensorId("999")))),
        (RejectionReason.TIMESTAMP_IN_FUTURE, encode(replace(good, timestamp=ahead))),
    ]


async def test_one_in_a_hundred_is_damaged(pipeline: Pipeline) -> None:
    events = readings(75)
    chance = random.Random(11)
    bad = damaged(events)
    messages = [message(event) for event in events]
    for _, value in bad:
        place = chance.randrange(len(messages))
        messages.insert(place, Message(TRAFFIC_EVENTS.name, b"some key", value, [("traceparent", b"00-1-2-01")]))
    await pipeline.produce(messages)
    process = await pipeline.start("ingest")
    await pipeline.verify(events, bad=len(bad))
    letters = await pipeline.read(TRAFFIC_EVENTS_DLQ)
    reasons = Counter((dict(record.headers)[DEAD_LETTER_REASON].decode(), record.value) for record in letters)
    assert reasons == Counter((reason.value, value) for reason, value in bad)
    assert all(record.key == b"some key" for record in letters)
    assert all(dict(record.headers)["traceparent"] == b"00-1-2-01" for record in letters)
    assert all(dict(record.headers)[DEAD_LETTER_DETAIL] for record in letters)
    await process.stop()


async def test_duplicates_are_archived_and_counted_once(pipeline: Pipeline) -> None:
    events = readings(60)
    chance = random.Random(5)
    again = [(place + chance.randrange(1, 200), event) for place, event in enumerate(events) if place % 7 == 0]
    doubled = sorted([*enumerate(events), *again], key=lambda entry: entry[0])
    await pipeline.produce([message(event) for _, event in doubled])
    await pipeline.start("ingest")
    await pipeline.verify([event for _, event in doubled])
    assert len(pipeline.archived()) == len(doubled)


async def test_events_without_their_key_find_their_windows(pipeline: Pipeline) -> None:
    events = readings(60)
    keys = {3: None, 50: b"", 51: b"another", 700: b"013"}
    messages = [
        replace(message(event), key=keys.get(place, event.sensor_id.encode())) for place, event in enumerate(events)
    ]
    await pipeline.produce(messages)
    # Their copies come after everything that is on the log already.
    process = await pipeline.start("ingest", METRLA_INGEST_LATENESS_S="3600")
    await pipeline.verify(events)
    copies = [record for record in await pipeline.read(TRAFFIC_EVENTS) if REKEYED_FROM in dict(record.headers)]
    wrong = sum(1 for place, key in keys.items() if key != events[place].sensor_id.encode())
    assert len(copies) == wrong
    await process.stop()


async def test_who_claims_to_send_a_copy_is_archived_all_the_same(pipeline: Pipeline) -> None:
    events = readings(20)
    forged = [
        replace(message(event), headers=((REKEYED_FROM, f"{place % 4}:{place}".encode()),))
        for place, event in enumerate(events)
    ]
    await pipeline.produce(forged)
    await pipeline.start("ingest")
    await pipeline.until(lambda: len(pipeline.archived()) >= len(events), "every event is in the archive")
    assert sorted(one.event.event_id for one in pipeline.archived()) == sorted(event.event_id for event in events)


async def test_late_readings_revise_and_too_late_ones_are_counted(pipeline: Pipeline) -> None:
    events = readings(80)
    late, too_late = events[5], events[6]
    rest = [event for event in events if event not in (late, too_late)]
    steps_15_minutes = 30 * len(SENSORS)
    log = [*rest[:steps_15_minutes], late, *rest[steps_15_minutes:], too_late]
    await pipeline.produce([message(event) for event in log])
    process = await pipeline.start("ingest")
    windows = expected([*rest, late])

    async def stored() -> bool:
        return pipeline.stored_windows() == windows and len(pipeline.archived()) == len(log)

    await pipeline.until(stored, "windows with the late reading and without the other")
    async with httpx.AsyncClient() as client:
        figures = (await client.get(f"{process.url}/metrics")).text
        ready = await client.get(f"{process.url}/ready")
    assert 'metrla_ingest_too_late_events_total{network="freeway"} 1.0' in figures
    assert "readings came too late for their windows" in pipeline.log
    assert f'"{too_late.sensor_id}"' not in figures
    assert 'metrla_ingest_lag_events{group="metrla-ingest-archive"} 0.0' in figures
    assert ready.status_code == 200
    await process.stop()


TWELVE = SENSORS[:12]


@pytest.mark.parametrize("recent", [False, True], ids=["of history", "of the last hour"])
async def test_one_fast_clock_takes_no_window_from_the_eleven_others(pipeline: Pipeline, *, recent: bool) -> None:
    """Fifty minutes: within the hour that is accepted."""
    fast, chance = TWELVE[4], random.Random(9)
    begin = START
    if recent:
        begin = NETWORK.window_start(datetime.now(UTC)) - timedelta(minutes=70)
    events = []
    for step in range(120):
        for sensor in TWELVE:
            skew = timedelta(minutes=50 if sensor == fast else 0)
            events.append(replace(reading(step, sensor, chance), timestamp=begin + step * READING + skew))
    await pipeline.produce([message(event) for event in events])
    process = await pipeline.start("ingest")
    windows = expected(events)
    assert len(windows) == 12 * 12

    async def stored() -> bool:
        return pipeline.stored_windows() == windows

    await pipeline.until(stored, "every sensor has its twelve windows")
    async with httpx.AsyncClient() as client:
        figures = (await client.get(f"{process.url}/metrics")).text
    assert "metrla_ingest_too_late_events_total{" not in figures
    assert 'metrla_ingest_sensors_with_clock_off{network="freeway"} 1.0' in figures

    async def named() -> bool:
        told = [read_times(record.value) for record in await pipeline.read(SENSOR_TIMES)]
        found = [times.sensors[fast] for times in told if fast in times.sensors]
        return any((one.ahead_s, one.too_late) == (3000.0, 0) and one.off_since is not None for one in found)

    await pipeline.until(named, "the fast clock is on the topic, with its 50 minutes")
    honest = set(TWELVE) - {fast}
    assert not any(honest & read_times(record.value).sensors.keys() for record in await pipeline.read(SENSOR_TIMES))
    await process.stop()
    assert "clocks of sensors are off" in pipeline.log
    await pipeline.verify(events)


async def test_measures_that_come_one_by_one_make_the_windows_of_whole_readings(pipeline: Pipeline) -> None:
    events = readings(40)
    speeds = [replace(event, volume_vehicles=None) for event in events]
    volumes = [replace(event, event_id=f"{event.event_id}-v", speed_mph=None) for event in events]
    await pipeline.produce([message(one) for pair in zip(speeds, volumes, strict=True) for one in pair])
    process = await pipeline.start("ingest")
    windows = {key: replace(window, revision=2 * window.revision) for key, window in expected(events).items()}

    async def stored() -> bool:
        return pipeline.stored_windows() == windows

    await pipeline.until(stored, "windows with speeds and volumes")
    async with httpx.AsyncClient() as client:
        figures = (await client.get(f"{process.url}/metrics")).text
    assert f"metrla_ingest_merged_events_total {len(events)}.0" in figures
    assert "metrla_ingest_duplicate_events_total 0.0" in figures
    await process.stop()


async def replay(pipeline: Pipeline, messages: Sequence[Message], sent: list[int]) -> None:
    async with open_producer(pipeline.bootstrap_servers, "test-feed") as producer:
        for start in range(0, len(messages), 200):
            await send_all(producer, messages[start : start + 200])
            sent[0] = start + 200
            await asyncio.sleep(0.05)


def mixed(events: Sequence[TrafficEvent], seed: int) -> tuple[list[Message], int]:
    chance = random.Random(seed)
    bad = [value for _, value in damaged(events)]
    messages = [message(event) for event in events]
    wrong = len(events) // 100
    for _ in range(wrong):
        messages.insert(chance.randrange(len(messages)), Message(TRAFFIC_EVENTS.name, b"k", chance.choice(bad)))
    return messages, wrong


@pytest.mark.slow
async def test_three_kills_lose_and_double_nothing(pipeline: Pipeline) -> None:
    chance = random.Random(20120502)
    events = readings(600)
    messages, wrong = mixed(events, seed=3)
    moments = sorted(chance.sample(range(1_000, len(messages) - 1_000), 3))
    sent = [0]
    feeding = asyncio.create_task(replay(pipeline, messages, sent))
    process = await pipeline.start("ingest")
    for moment in moments:
        handled = await pipeline.end(AGGREGATES)

        async def due(moment: int = moment, handled: int = handled) -> bool:
            return sent[0] >= moment and await pipeline.end(AGGREGATES) > handled

        await pipeline.until(due, "the feed and the process are under way")
        await asyncio.sleep(chance.uniform(0, 0.3))
        await process.kill()
        process = await pipeline.start("ingest")
    await feeding
    await pipeline.verify(events, bad=wrong)
    await process.stop()
    await pipeline.verify(events, bad=wrong)


@pytest.mark.slow
async def test_another_process_takes_over_from_a_killed_one(pipeline: Pipeline) -> None:
    events = readings(500)
    messages, wrong = mixed(events, seed=4)
    first, second = await pipeline.start("ingest"), await pipeline.start("ingest")
    sent = [0]
    feeding = asyncio.create_task(replay(pipeline, messages, sent))

    async def both_work() -> bool:
        return sent[0] > len(messages) // 3 and await pipeline.end(AGGREGATES) > 0

    await pipeline.until(both_work, "windows are made")
    await first.kill()
    await feeding
    await pipeline.verify(events, bad=wrong)
    await second.stop()


@pytest.mark.slow
async def test_processes_that_come_and_go_hand_their_partitions_over(pipeline: Pipeline) -> None:
    events = readings(500)
    messages, wrong = mixed(events, seed=6)
    sent = [0]
    feeding = asyncio.create_task(replay(pipeline, messages, sent))
    process = await pipeline.start("ingest")
    for part in (1, 2, 3):

        async def due(part: int = part) -> bool:
            return sent[0] >= part * len(messages) // 4

        await pipeline.until(due, "the feed is under way")
        successor = await pipeline.start("ingest")
        handled = await pipeline.end(AGGREGATES)

        async def on_its_way(handled: int = handled) -> bool:
            return await pipeline.end(AGGREGATES) > handled

        await pipeline.until(on_its_way, "windows are made")
        await process.stop()
        process = successor
    await feeding
    await pipeline.verify(events, bad=wrong)
    await process.stop()


@contextmanager
def writing(pipeline: Pipeline) -> Iterator[None]:
    """Nobody else is in the middle of a write: one suspended there would lock a SQLite file for everybody."""
    with closing(sqlite3.connect(pipeline.folder / "store.sqlite", timeout=30, isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        yield
        store.execute("ROLLBACK")


@pytest.mark.slow
async def test_a_process_that_was_suspended_does_no_harm_when_it_wakes(pipeline: Pipeline) -> None:
    events = readings(300)
    messages, wrong = mixed(events, seed=8)
    first, second = await pipeline.start("ingest"), await pipeline.start("ingest")
    sent = [0]
    feeding = asyncio.create_task(replay(pipeline, messages, sent))

    async def both_work() -> bool:
        return sent[0] > len(messages) // 3 and await pipeline.end(AGGREGATES) > 0

    await pipeline.until(both_work, "windows are made")
    with writing(pipeline):
        first.process.send_signal(signal.SIGSTOP)
    await feeding
    await pipeline.verify(events, bad=wrong)
    rebalances = pipeline.log.count("partitions assigned")
    first.process.send_signal(signal.SIGCONT)

    async def both_hold_partitions() -> bool:
        return pipeline.log.count("partitions assigned") >= rebalances + 4

    await pipeline.until(both_hold_partitions, "the process has joined again")
    await first.stop()
    await second.stop()
    await pipeline.verify(events, bad=wrong)


ASLEEP_WITH_LETTERS = """
import os, pathlib, signal, sys
from services.ingest.app import main
from shared.kafka.deadletter import DeadLetterWriter

send, flag = DeadLetterWriter._send, pathlib.Path(sys.argv[1])

async def asleep(self, letters, *further):
    if letters and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return await send(self, letters, *further)

DeadLetterWriter._send = asleep
sys.exit(main())
"""


@pytest.mark.slow
async def test_a_process_that_slept_with_dead_letters_in_hand_does_not_double_them(pipeline: Pipeline) -> None:
    """Suspended after it knew that they are its own to write, and before it wrote them."""
    events = readings(100)
    messages, wrong = mixed(events, seed=9)
    await pipeline.produce(messages)
    flag, output = pipeline.folder / "asleep", pipeline.folder / "sleeper.log"
    with output.open("ab") as said:
        sleeper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ASLEEP_WITH_LETTERS, str(flag)),
            env=pipeline.environment(),
            stdout=said,
            stderr=said,
        )
    first = ServiceProcess("ingest", sleeper, output)
    pipeline.processes.append(first)
    await pipeline.until(flag.exists, "it sleeps with dead letters in hand")
    second = await pipeline.start("ingest")
    await pipeline.verify(events, bad=wrong)
    first.process.send_signal(signal.SIGCONT)

    async def joined_again() -> bool:
        return first.said.count("partitions assigned") >= 4  # two groups, twice

    await pipeline.until(joined_again, "it has joined again")
    await first.stop()
    await second.stop()
    await pipeline.verify(events, bad=wrong)
