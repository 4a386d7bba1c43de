"""A follower of a topic on the embedded broker: what it knows is what is on the log, whatever became of the broker."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from metrla.local.devbroker import DevBroker
from shared.events.topics import ALERT_ACTIONS
from shared.kafka.admin import ensure_topics
from shared.kafka.following import TopicFollower
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from tests.kit.until import until

pytestmark = pytest.mark.integration


class Known:
    """What a follower was told."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.times_replaced = 0

    def replace(self, records: Sequence[LogRecord]) -> None:
        self.values = [record.value for record in records]
        self.times_replaced += 1

    def take(self, record: LogRecord) -> None:
        self.values.append(record.value)

    def __str__(self) -> str:
        return f"{self.values}, replaced {self.times_replaced} times"


async def publish(broker: DevBroker, *values: bytes) -> None:
    await ensure_topics(broker.bootstrap_servers)
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        await send_all(producer, [Message(ALERT_ACTIONS.name, value, value, partition=0) for value in values])


async def test_it_begins_anew_when_the_broker_comes_back_with_another_log() -> None:
    known = Known()
    async with DevBroker() as broker:
        port = broker.port
        await publish(broker, b"a", b"b")
        letters = ReaderLetters(broker.bootstrap_servers, "test", Quarantine())
        follower = TopicFollower(broker.bootstrap_servers, "test", ALERT_ACTIONS, known.replace, known.take, letters)
        following = asyncio.create_task(follower.run())
        await follower.caught_up.wait()
        await publish(broker, b"c")
        await until(lambda: known.values == [b"a", b"b", b"c"], lambda: str(known))
    try:
        async with DevBroker(port=port) as another:
            await publish(another, b"d")
            await until(lambda: known.values == [b"d"], lambda: str(known))
            assert known.times_replaced > 1
            await publish(another, b"e")
            await until(lambda: known.values == [b"d", b"e"], lambda: str(known))
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
