import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from metrla.local.devbroker import DevBroker
from metrla.local.launcher.plan import free_port
from services.gateway.settings import GatewaySettings
from services.gateway.web.server import listen
from shared.events.errors import ConfigurationError
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.runtime.settings import PlatformSettings
from shared.traffic.network import Network
from tests.kit.disks import fill, small_disk

pytestmark = pytest.mark.integration

DEADLINE_S = 60.0
VIEW_ROUTES = (
    "/api/predictions",
    "/api/predictions?model=unheard-of",
    "/api/alerts",
    "/api/alerts/a",
    "/api/advisories",
    "/api/advisories/a",
    "/api/sensors",
    "/api/networks",
    "/api/models",
    "/api/models/ensemble",
    "/api/history/predictions?sensor_id=405N-01&model=unheard-of",
)
"""What would say 'there is nothing' before the view is complete."""
Start = Callable[..., AbstractAsyncContextManager[str]]
Step = Callable[..., list[Message]]
Until = Callable[..., Awaitable[httpx.Response]]


async def test_a_restart_rebuilds_the_view_from_the_topics(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    alert: Callable[..., Message],
    until_answer: Until,
) -> None:
    await world.publish([alert("old", -500)])
    for number in range(1, 41):
        await world.publish(step(number))
    answers = []
    paths = ("/api/predictions?limit=1000&horizon_minutes=all", "/api/alerts", "/api/sensors")
    for _ in range(2):
        async with start_gateway(world.platform) as url, httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
            answers.append([(await client.get(path)).json() for path in paths])
            oldest = (await client.get("/api/predictions?sensor_id=405N-01&limit=1000")).json()[-1]
            assert oldest["timestamp"] == "2012-05-02T16:25:00Z"
    assert answers[0] == answers[1]
    assert [alert["alert_id"] for alert in answers[0][1]] == ["old"]


async def test_not_ready_before_the_broker_is_there_nor_after_it_is_gone(
    tmp_path: Path, start_gateway: Start, step: Step, until_answer: Until, network: Network
) -> None:
    port = free_port()
    platform = PlatformSettings(
        kafka_bootstrap_servers=f"127.0.0.1:{port}",
        archive_url=(tmp_path / "archive").as_uri(),
        store_url=f"sqlite:///{tmp_path / 'store.sqlite'}",
    )
    async with start_gateway(platform) as url, httpx.AsyncClient(base_url=url) as client:
        waiting = await client.get("/ready")
        assert waiting.status_code == 503
        assert waiting.headers["content-type"] == "application/problem+json"
        health = (await client.get("/health")).json()
        assert health["status"] == "degraded"
        assert health["services"]["kafka"] == f"unhealthy: no broker answers at 127.0.0.1:{port}"
        assert health["services"]["database"] == "healthy"
        assert health["services"]["data"] == "unhealthy: what is on the log is not read yet"
        for path in VIEW_ROUTES:
            early = await client.get(path)
            assert (early.status_code, early.headers["retry-after"]) == (503, "2"), path
            assert early.json()["detail"].startswith("waiting for "), path
        for number in (1, 2):
            async with DevBroker(port=port) as broker:
                await ensure_topics(broker.bootstrap_servers)
                async with open_producer(broker.bootstrap_servers, "test") as producer:
                    await send_all(producer, step(number))
                await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
                found = f"/api/predictions?limit={len(network.sensors)}"
                rows = (
                    await until_answer(client, found, lambda answer: len(answer.json()) == len(network.sensors))
                ).json()
                assert {row["timestamp"][14:16] for row in rows} == {f"{5 * number:02d}"}
            lost = await until_answer(client, "/ready", lambda answer: answer.status_code == 503)
            assert str(port) in lost.json()["detail"]
            assert (await client.get("/live")).status_code == 200
            assert (await client.get(found)).json() == rows


async def test_stopping_says_goodbye_and_finishes_what_is_in_hand(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    until_answer: Until,
) -> None:
    await world.publish(step(1))
    async with httpx.AsyncClient() as client:
        async with start_gateway(world.platform) as url:
            await until_answer(client, f"{url}/ready", lambda answer: answer.status_code == 200)
            connection = await connect(f"{url.replace('http', 'ws', 1)}/ws/predictions")
            await connection.recv()
            in_hand = asyncio.create_task(client.get(f"{url}/api/predictions?limit=1000&horizon_minutes=all"))
            await asyncio.sleep(0)
        assert (await in_hand).status_code == 200
    await asyncio.wait_for(connection.wait_closed(), DEADLINE_S)
    assert connection.close_code == 1001


def test_a_taken_port_is_a_readable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = f"METRLA_GATEWAY_PORT: cannot listen on 127.0.0.1:{port}: Address already in use"
        with pytest.raises(ConfigurationError, match=re.escape(message)):
            listen(GatewaySettings(port=port))


def test_an_unknown_host_is_a_readable_error() -> None:
    with pytest.raises(ConfigurationError, match="METRLA_GATEWAY_HOST"):
        listen(GatewaySettings(host="no-such-host.invalid"))


async def test_a_store_on_a_full_disk_is_not_called_healthy(
    tmp_path: Path, start_gateway: Start, until_answer: Until
) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        platform = PlatformSettings(
            kafka_bootstrap_servers=f"127.0.0.1:{free_port()}",
            archive_url=(disk / "archive").as_uri(),
            store_url=f"sqlite:///{disk / 'store.sqlite'}",
        )
        async with start_gateway(platform) as url, httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/health")).json()["services"]["database"] == "healthy"
            filler = fill(disk)
            full = await until_answer(
                client, "/health", lambda answer: answer.json()["services"]["database"] != "healthy"
            )
            said = full.json()["services"]
            assert said["database"].startswith("unhealthy: store: only 0.0 MB are left on the disk of ")
            cannot = "archive: cannot write traffic-data/raw/_pending/probe"
            assert said["hdfs"] == f"unhealthy: {cannot}: No space left on device"
            filler.unlink()
            await until_answer(client, "/health", lambda answer: answer.json()["services"]["database"] == "healthy")
