"""What ingest says of clocks and late readings, through topic and gateway, to a client."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from metrla.client import GatewayClient
from shared.events.topics import SENSOR_TIMES
from shared.kafka.producer import Message
from shared.traffic.health.times import SensorTime, SensorTimes, write_times
from shared.traffic.network import Network
from tests.integration.gateway.conftest import Start, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def message(network: Network, sensors: dict[int, SensorTime]) -> Message:
    named = {network.sensors[row].sensor_id: time for row, time in sensors.items()}
    times = SensorTimes(network.network_id, 0, NOW, NOW, named)
    return Message(SENSOR_TIMES.name, times.key.encode(), write_times(times))


async def test_a_sensor_whose_clock_is_off_does_not_report(
    world: World,
    start_gateway: Start,
    network: Network,
    step: Callable[..., list[Message]],
    until_answer: Callable[..., Awaitable[Any]],
) -> None:
    count, third = len(network.sensors), network.sensors[3].sensor_id
    await world.publish(step(0))
    async with start_gateway(world.platform, stale_after_s=600) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.is_success)
            (row,) = (await client.get("/api/networks")).json()
            assert (row["reporting_count"], row["clocks_off_count"]) == (count, 0)
            await world.publish([message(network, {3: SensorTime(3000.0, 0, NOW), 1: SensorTime(None, 7)})])
            answer = await until_answer(client, "/api/networks", lambda answer: answer.json()[0]["clocks_off_count"])
            assert answer.json()[0]["reporting_count"] == count - 1
        async with GatewayClient(url) as gateway:
            doubts = {one.sensor_id: one.doubt for one in await gateway.sensors() if one.doubt is not None}
            assert list(doubts) == [third]
            assert (doubts[third].reason, doubts[third].detail) == ("clock_off", "its clock is 50 min fast")
            assert doubts[third].since == NOW


async def test_sensors_with_wrong_times_are_named_from_the_start_and_as_they_change(
    world: World,
    start_gateway: Start,
    network: Network,
    until_answer: Callable[..., Awaitable[Any]],
) -> None:
    broken = Message(SENSOR_TIMES.name, b"x", b"not JSON")
    await world.publish([message(network, {3: SensorTime(3000.0, 0), 1: SensorTime(None, 7)}), broken])
    async with start_gateway(world.platform) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.is_success)
            rows = (await client.get("/api/sensors/times")).json()
            assert [(row["sensor_id"], row["clock_ahead_seconds"], row["too_late_readings"]) for row in rows] == [
                (network.sensors[1].sensor_id, None, 7),
                (network.sensors[3].sensor_id, 3000.0, 0),
            ]
            await world.publish([message(network, {1: SensorTime(None, 8)})])
            await until_answer(client, "/api/sensors/times", lambda answer: len(answer.json()) == 1)
        async with GatewayClient(url) as gateway:
            (report,) = await gateway.sensor_times(network_id=network.network_id)
            assert (report.sensor_id, report.too_late_readings) == (network.sensors[1].sensor_id, 8)
            assert (report.clock_ahead_seconds, report.since) == (None, NOW)
