"""Whom the alert detector does not believe, through topic and gateway, to a client."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from metrla.client import GatewayClient
from shared.events.topics import SENSOR_HEALTH
from shared.kafka.producer import Message
from shared.traffic.health.doubted import DoubtedSensor, DoubtedSensors, write_doubted
from shared.traffic.health.rules import Doubt
from shared.traffic.network import Network
from tests.integration.gateway.conftest import Start, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SINCE = NOW - timedelta(hours=2)


def message(network: Network, sensors: dict[int, Doubt]) -> Message:
    named = {network.sensors[row].sensor_id: DoubtedSensor(doubt, SINCE) for row, doubt in sensors.items()}
    doubted = DoubtedSensors(network.network_id, NOW, named)
    return Message(SENSOR_HEALTH.name, doubted.key.encode(), write_doubted(doubted))


def told(answer: httpx.Response) -> dict[str, str]:
    return {row["sensor_id"]: row["doubt"]["reason"] for row in answer.json() if row["doubt"] is not None}


async def test_sensors_that_are_not_believed_are_named_from_the_start_and_as_they_change(
    world: World,
    start_gateway: Start,
    network: Network,
    until_answer: Callable[..., Awaitable[Any]],
) -> None:
    broken = Message(SENSOR_HEALTH.name, b"x", b"not JSON")
    await world.publish([message(network, {3: Doubt.STUCK, 1: Doubt.DEAD}), broken])
    async with start_gateway(world.platform) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.is_success)
            names = [sensor.sensor_id for sensor in network.sensors]
            assert told(await client.get("/api/sensors")) == {names[1]: "dead", names[3]: "stuck"}
            await world.publish([message(network, {1: Doubt.DEAD})])
            await until_answer(client, "/api/sensors", lambda answer: told(answer) == {names[1]: "dead"})
        async with GatewayClient(url) as gateway:
            reports = {one.sensor_id: one for one in await gateway.sensors(network_id=network.network_id)}
            doubt = reports[names[1]].doubt
            assert doubt is not None
            assert (doubt.reason, doubt.since) == ("dead", SINCE)
            assert reports[names[3]].doubt is None
