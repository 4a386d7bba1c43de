"""Where a demo begins on a log that keeps what earlier demos sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrla.local.devbroker import DevBroker
from metrla.local.launcher.real_servers import continued_start, newest_reading
from metrla.local.launcher.request import DemoRequest, feed_arguments
from shared.events.avro import encode
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

pytestmark = pytest.mark.integration

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 7, 14, 14, tzinfo=UTC)
NEWEST = START + timedelta(seconds=999)
REQUEST = DemoRequest(
    state=Path("unused"),
    network=None,
    data=None,
    begin=None,
    end=None,
    speed=60.0,
    damaged=0.0,
    seed=7,
    port=8000,
    duration=None,
    exit_when_fed=False,
    stack=Path("unused"),
)


async def send(broker: DevBroker, network_id: NetworkId, count: int, garbage: int = 0) -> None:
    await ensure_topics(broker.bootstrap_servers)
    events = [
        TrafficEvent(str(number), network_id, SensorId(str(number % 50)), START + timedelta(seconds=number), 60.0)
        for number in range(count)
    ]
    messages = [Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event)) for event in events]
    messages += [Message(TRAFFIC_EVENTS.name, b"0", b"garbage")] * garbage
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        await send_all(producer, messages)


async def test_an_empty_log_leaves_the_start_to_the_feed() -> None:
    async with DevBroker() as broker:
        assert await continued_start(REQUEST, NETWORK, broker.bootstrap_servers, NEWEST) is None
        await send(broker, NetworkId("another"), 10)
        assert await continued_start(REQUEST, NETWORK, broker.bootstrap_servers, NEWEST) is None


async def test_the_newest_reading_is_found_behind_those_of_others() -> None:
    async with DevBroker() as broker:
        await send(broker, NETWORK.network_id, 1000)
        await send(broker, NetworkId("another"), 12_000, garbage=5)
        assert await newest_reading(broker.bootstrap_servers, NETWORK.network_id) == NEWEST


async def test_a_simulation_goes_on_where_the_last_one_ended() -> None:
    async with DevBroker() as broker:
        await send(broker, NETWORK.network_id, 1000)
        later = NEWEST + timedelta(days=1)
        start = await continued_start(REQUEST, NETWORK, broker.bootstrap_servers, later)
        # What is sent at once begins with the reading after the newest one.
        assert start == (NEWEST + NETWORK.reading_interval + timedelta(hours=2)).isoformat()
        arguments = [*feed_arguments(REQUEST, start, NETWORK.window)]
        assert arguments[arguments.index("--start") + 1] == start
        assert arguments[arguments.index("--warm-up") + 1] == "120m"
        unpaced = await continued_start(replace(REQUEST, speed=None), NETWORK, broker.bootstrap_servers, later)
        assert unpaced == (NEWEST + NETWORK.reading_interval).isoformat()


@pytest.mark.parametrize(
    ("request_", "now"),
    [
        (replace(REQUEST, begin="2026-07-14"), NEWEST + timedelta(days=1)),
        (replace(REQUEST, data=Path("speeds.csv")), NEWEST + timedelta(days=1)),
        (REQUEST, NEWEST + timedelta(hours=1)),
    ],
    ids=["another start", "a file", "into the future"],
)
async def test_what_lies_in_the_way_is_said(request_: DemoRequest, now: datetime) -> None:
    async with DevBroker() as broker:
        await send(broker, NETWORK.network_id, 1000)
        with pytest.raises(ConfigurationError, match="metrla stack reset"):
            await continued_start(request_, NETWORK, broker.bootstrap_servers, now)
