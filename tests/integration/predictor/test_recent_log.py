"""Recent speeds on a log: written row by row, read back by the process that goes on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from metrla.local.devbroker import DevBroker
from services.predictor.recent_log import messages_of, read_recent
from shared.events.topics import PREDICTOR_STATE
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentSpeeds
from tests.kit.networks import along, network_of

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def network(name: str) -> Network:
    return network_of(*along("I-5 N", [f"{name}{at}" for at in range(3)], 0.5), network_id=name)


async def test_what_was_learned_comes_back() -> None:
    north, south = network("north"), network("south")
    known = {one.network_id: RecentSpeeds(one) for one in (north, south)}
    random = np.random.default_rng(1)
    messages: list[Message] = []
    for number in range(600):
        for one in known.values():
            (row,) = one.rows_of([START + number * timedelta(minutes=5)], random.uniform(5, 70, (1, 3)))
            one.learn(row)
            messages += messages_of(one.network, [row])
    damaged = Message(PREDICTOR_STATE.name, b"north/7", b"what is this")
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with open_producer(broker.bootstrap_servers, "test") as producer:
            # Also sent twice, as after a failed attempt.
            await send_all(producer, [*messages, damaged, *messages[-9:]])
        fresh = {one.network_id: RecentSpeeds(one) for one in (north, south)}
        letters = ReaderLetters(broker.bootstrap_servers, "test", Quarantine())
        await read_recent(broker.bootstrap_servers, "test", fresh, letters)
        await read_recent(broker.bootstrap_servers, "test", fresh, letters)
    assert letters.quarantine.count == 1, "the damaged row, once"
    for network_id, one in known.items():
        np.testing.assert_array_equal(fresh[network_id].total_mph, one.total_mph)
        np.testing.assert_array_equal(fresh[network_id].days, one.days)
        assert fresh[network_id].learned == one.learned
