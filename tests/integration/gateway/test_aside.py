"""What the gateway cannot handle: a dead letter, a note on `/ready`, and no effect on anything that it says."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.events.avro import decode, encode
from shared.events.records import (
    AdvisoryId,
    ProcessedTrafficAggregate,
    TrafficAlert,
    TrafficPrediction,
)
from shared.events.topics import (
    ADVISORIES,
    AGGREGATES,
    ALERTS,
    DEAD_LETTER_REASON,
    PREDICTIONS,
    SENSOR_TIMES,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.following import read_topic
from shared.kafka.producer import Message
from shared.traffic.health.times import SensorTimes, write_times
from shared.traffic.network import Network
from tests.integration.gateway.conftest import START, Start, World
from tests.kit.announcements import advisory_of
from tests.kit.until import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FAR = datetime(2199, 1, 1, tzinfo=UTC)


def far_ahead(
    network: Network, window: ProcessedTrafficAggregate, prediction: TrafficPrediction, alert: TrafficAlert
) -> list[Message]:
    key = network.network_id.encode()
    times = SensorTimes(network.network_id, 0, FAR, FAR, {})
    late = replace(window, window_start=FAR - timedelta(minutes=5), window_end=FAR)
    announced = advisory_of(
        FAR,
        advisory_id=AdvisoryId("far"),
        network_id=network.network_id,
        affected_sensors=(network.sensors[0].sensor_id,),
    )
    return [
        Message(AGGREGATES.name, key, encode(late)),
        Message(PREDICTIONS.name, key, encode(replace(prediction, timestamp=FAR)), partition=0),
        Message(ALERTS.name, b"far", encode(replace(alert, updated_at=FAR, raised_at=FAR))),
        Message(ADVISORIES.name, b"far", encode(announced)),
        Message(SENSOR_TIMES.name, times.key.encode(), write_times(times)),
    ]


async def test_what_is_dated_far_ahead_or_damaged_moves_nothing_and_is_kept(
    world: World,
    start_gateway: Start,
    network: Network,
    step: Callable[..., list[Message]],
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
    alert: Callable[..., Message],
    until_answer: Callable[..., Awaitable[Any]],
) -> None:
    damaged = [Message(topic.name, b"x", b"what is this") for topic in (ALERTS, ADVISORIES, SENSOR_TIMES)]
    far = far_ahead(
        network, windows(0)[0], predictions(0, ("xgboost",))[0], decode(TrafficAlert, alert("far", 0).value or b"")
    )
    await world.publish([*step(0), *far, *damaged])

    async def letters() -> dict[tuple[bytes, bytes], int]:
        found: dict[tuple[bytes, bytes], int] = {}
        for one in await read_topic(world.platform.kafka_bootstrap_servers, "test", TRAFFIC_EVENTS_DLQ):
            headers = dict(one.headers)
            place = headers[SOURCE_TOPIC], headers[DEAD_LETTER_REASON]
            found[place] = found.get(place, 0) + 1
        return found

    expected = {(message.topic.encode(), b"timestamp_in_future"): 1 for message in far}
    expected |= {(message.topic.encode(), b"undecodable"): 1 for message in damaged}
    for _ in range(2):  # the second start meets them again
        async with start_gateway(world.platform) as url, httpx.AsyncClient(base_url=url) as client:
            ready = await until_answer(client, "/ready", lambda answer: answer.is_success)
            assert f"{len(expected)} records put aside" in ready.json()["note"]
            sensors = (await client.get("/api/sensors")).json()
            assert {row["timestamp"] for row in sensors} == {START.isoformat().replace("+00:00", "Z")}
            for path in (
                "/api/alerts",
                "/api/advisories",
                "/api/predictions?horizon_minutes=all&limit=1000",
                "/health",
            ):
                assert "2199" not in (await client.get(path)).text
            metrics = (await client.get("/metrics")).text
            assert 'metrla_gateway_quarantined_records_total{stage="decode"} 8.0' in metrics

            async def all_there() -> bool:
                return await letters() == expected

            await until(all_there, "a dead letter for each", 30.0)


async def test_an_advisory_that_begins_in_173_years_is_refused_at_the_door(
    world: World, start_gateway: Start, network: Network, until_answer: Callable[..., Awaitable[Any]]
) -> None:
    body = {
        "advisory_type": "event",
        "title": "far",
        "starts_at": "2199-01-01T00:00:00Z",
        "affected_sensors": [network.sensors[0].sensor_id],
    }
    token = "a-token-of-this-test"  # noqa: S105 - no secret
    async with (
        start_gateway(world.platform, write_token=token) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client,
    ):
        await until_answer(client, "/ready", lambda answer: answer.is_success)
        answer = await client.post("/api/advisories", json=body)
        assert (answer.status_code, "starts_at 2199" in answer.text) == (422, True), answer.text
