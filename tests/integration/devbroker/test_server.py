"""The broker against clients that break the rules, die, dawdle or ask for what it does not have."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from io import BytesIO

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.protocol.admin import ApiVersionRequest_v0, ApiVersionResponse_v0
from aiokafka.protocol.api import RequestHeader_v1
from aiokafka.protocol.fetch import FetchRequest_v4, FetchResponse_v4
from aiokafka.protocol.group import JoinGroupRequest_v2
from aiokafka.protocol.types import Int32

from metrla.local.devbroker import BrokerSettings, DevBroker
from metrla.local.devbroker.housekeeping import one_pass
from tests.kit.until import until

UNSUPPORTED_VERSION = 35
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def broker() -> AsyncIterator[DevBroker]:
    settings = BrokerSettings(max_request_bytes=2_000_000, retention_bytes=100_000)
    async with DevBroker(settings=settings) as broker:
        yield broker


@pytest.fixture
async def connect(broker: DevBroker) -> AsyncIterator[Callable[[], Awaitable[Connection]]]:
    writers: list[asyncio.StreamWriter] = []

    async def open_connection() -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writers.append(writer)
        return reader, writer

    yield open_connection
    for writer in writers:
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 30)


Connect = Callable[[], Awaitable[Connection]]


def framed(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def header(api_key: int, api_version: int, correlation_id: int = 7) -> bytes:
    return struct.pack(">hhi", api_key, api_version, correlation_id) + struct.pack(">h", 1) + b"c"


def request(body: object, correlation_id: int = 7) -> bytes:
    return framed(RequestHeader_v1(body, correlation_id, "c").encode() + body.encode())  # type: ignore[attr-defined]  # aiokafka types no requests


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(length)


async def works(connect: Connect) -> bool:
    reader, writer = await connect()
    writer.write(request(ApiVersionRequest_v0()))
    return (await answer(reader))[4:6] == b"\x00\x00"


@pytest.mark.parametrize(
    "sent",
    [
        framed(b"\x00"),
        framed(header(3, 1) + struct.pack(">i", 2**31 - 1)),
        framed(header(3, 1) + struct.pack(">ih", 1, 500)),
        framed(header(0, 7) + b"\xff" * 3),
        framed(header(0, 99)),
        framed(header(777, 0)),
        framed(header(3, 1) + struct.pack(">ih", 1, 2) + b"\xff\xfe"),
        struct.pack(">i", 2_000_001),
        struct.pack(">i", -5),
        struct.pack(">i", 0),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_a_malformed_request_closes_only_its_own_connection(
    sent: bytes, connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    _, bystander = await connect()
    reader, writer = await connect()
    writer.write(sent)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert "connection closed" in capsys.readouterr().out
    assert not bystander.is_closing()
    assert await works(connect)


async def test_a_too_new_api_versions_request_is_told_what_is_served(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(framed(header(18, 9) + b"\x00\x04new\x021\x00"))
    data = BytesIO(await answer(reader))
    assert Int32.decode(data) == 7
    told = ApiVersionResponse_v0.decode(data)
    assert told.error_code == UNSUPPORTED_VERSION
    assert {(key, lowest) for key, lowest, _ in told.api_versions} >= {(0, 3), (1, 4), (18, 0)}
    writer.write(request(ApiVersionRequest_v0()))
    assert (await answer(reader))[4:6] == b"\x00\x00"


async def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"".join(request(ApiVersionRequest_v0(), number) for number in range(100)))
    for number in range(100):
        assert (await answer(reader))[:4] == struct.pack(">i", number)


async def test_a_fetch_waits_for_an_append_not_for_a_timer(broker: DevBroker, connect: Connect) -> None:
    broker.state.topics.create("t", 1, {})
    reader, writer = await connect()
    writer.write(request(FetchRequest_v4(-1, 60_000, 1, 1_000_000, 0, [("t", [(0, 0, 1_000_000)])])))
    partition = broker.state.topics.partition("t", 0)
    assert partition is not None
    await until(lambda: bool(partition._listeners), "a fetch waits for records")
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait("t", b"value")
    await producer.stop()
    data = BytesIO((await answer(reader))[4:])
    (_, ((_, error, high_watermark, _, _, records),)) = FetchResponse_v4.decode(data).topics[0]
    assert (error, high_watermark) == (0, 1)
    assert b"value" in records
    assert not partition._listeners


async def test_a_client_that_dies_while_it_waits_leaves_nothing_behind(broker: DevBroker, connect: Connect) -> None:
    broker.state.topics.create("t", 1, {})
    partition = broker.state.topics.partition("t", 0)
    assert partition is not None
    _, fetching = await connect()
    fetching.write(request(FetchRequest_v4(-1, 60_000, 1, 1_000_000, 0, [("t", [(0, 0, 1_000_000)])])))
    await until(lambda: bool(partition._listeners), "a fetch waits for records")
    joiners = [(await connect())[1] for _ in range(2)]
    join = JoinGroupRequest_v2("g", 60_000, 60_000, "", "consumer", [("range", b"")])
    joiners[0].write(request(join))
    group = broker.state.groups
    await until(
        lambda: any(member.knows_its_id for g in group for member in g.members.values()), "a member knows its id"
    )
    joiners[1].write(request(join))
    await until(lambda: any(len(g.members) == 2 for g in group), "the group has two members")
    for writer in (fetching, *joiners):
        writer.transport.abort()
    await until(lambda: broker.connection_count == 0, "no connection is left")
    assert not partition._listeners
    assert [len(g.members) for g in group] == [1], "who never learnt its id goes at once, the other times out"


async def test_a_slow_reader_does_not_delay_another(broker: DevBroker, connect: Connect) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    for _ in range(5):
        await producer.send_and_wait("t", b"x" * 500_000)
    _, slow = await connect()
    fetch = FetchRequest_v4(-1, 0, 1, 50_000_000, 0, [("t", [(0, 4, 50_000_000)])])
    slow.write(b"".join(request(fetch) for _ in range(200)))
    consumer = AIOKafkaConsumer("t", bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    async with asyncio.timeout(5):
        await consumer.getone()
        await producer.send_and_wait("t", b"more")
    await consumer.stop()
    await producer.stop()


async def test_retention_bounds_the_log_and_old_offsets_are_out_of_range(broker: DevBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    for _ in range(400):
        await producer.send_and_wait("t", b"x" * 1000)
    await producer.stop()
    partition = broker.state.topics.partition("t", 0)
    assert partition is not None
    assert 100_000 <= partition.size < 130_000
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="none")
    await consumer.start()
    wanted = TopicPartition("t", 0)
    consumer.assign([wanted])
    assert await consumer.beginning_offsets([wanted]) == {wanted: partition.start_offset}
    consumer.seek(wanted, 0)
    async with asyncio.timeout(10):
        with pytest.raises(OffsetOutOfRangeError):
            await consumer.getone()
    await consumer.stop()


async def test_records_older_than_retention_ms_go(broker: DevBroker) -> None:
    broker.state.topics.create("t", 1, {"retention.ms": "3600000"})
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    await producer.send_and_wait("t", b"old", timestamp_ms=1_000)
    partition = broker.state.topics.partition("t", 0)
    assert partition is not None
    await one_pass(broker.state)
    assert (partition.start_offset, partition.end_offset) == (1, 1)
    await producer.send_and_wait("t", b"new")
    await one_pass(broker.state)
    assert (partition.start_offset, partition.end_offset) == (1, 2)
    await producer.stop()


async def test_topics_are_not_created_by_accident_when_that_is_switched_off() -> None:
    async with DevBroker(settings=BrokerSettings(auto_create_topics=False)) as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, request_timeout_ms=500)
        await producer.start()
        with pytest.raises(KafkaError):
            await producer.send_and_wait("t", b"value")
        await producer.stop()
        assert list(broker.state.topics) == []


async def test_a_transactional_producer_is_refused_not_kept_waiting(broker: DevBroker) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id="t")
    async with asyncio.timeout(10):
        with pytest.raises(KafkaError):
            await producer.start()
    await producer.stop()


async def test_groups_without_members_and_commits_are_forgotten(broker: DevBroker) -> None:
    broker.state.topics.create("t", 1, {})
    for group_id, commits in (("transient", False), ("kept", True)):
        consumer = AIOKafkaConsumer(
            "t", bootstrap_servers=broker.bootstrap_servers, group_id=group_id, enable_auto_commit=False
        )
        await consumer.start()
        if commits:
            await consumer.commit({TopicPartition("t", 0): 0})
        await consumer.stop()
    await one_pass(broker.state)
    assert [group.group_id for group in broker.state.groups] == ["kept"]


async def test_stop_ends_open_connections_and_frees_the_port() -> None:
    async with DevBroker() as first:
        reader, writer = await asyncio.open_connection("127.0.0.1", first.port)
        port = first.port
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    async with DevBroker(port=port) as second:
        assert second.bootstrap_servers == f"127.0.0.1:{port}"


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_that_comes_as_the_broker_stops_is_closed(turns: int) -> None:
    broker = DevBroker()
    await broker.start()
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await broker.stop()
        with suppress(ConnectionError):
            assert await asyncio.to_thread(client.recv, 1) == b""
