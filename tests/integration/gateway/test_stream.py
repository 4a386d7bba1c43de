import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shared.kafka.producer import Message
from shared.traffic.network import Network
from tests.kit.until import until

pytestmark = pytest.mark.integration

DEADLINE_S = 60.0
Start = Callable[..., AbstractAsyncContextManager[str]]
Step = Callable[..., list[Message]]


def address(url: str, query: str = "") -> str:
    return f"{url.replace('http', 'ws', 1)}/ws/predictions{query}"


async def receive(connection: ClientConnection) -> dict[str, Any]:
    """The next message that is no heartbeat."""
    while True:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(connection.recv(), DEADLINE_S))
        if message["type"] != "heartbeat":
            return message


async def metric(url: str, name: str) -> float:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{url}/metrics")).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


async def until_metric(url: str, name: str, value: float) -> None:
    async def met() -> bool:
        return await metric(url, name) == value

    await until(met, f"{name} is {value}", DEADLINE_S)


@pytest.fixture
async def gateway(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    until_answer: Callable[..., Awaitable[httpx.Response]],
) -> AsyncIterator[str]:
    """The URL of a gateway that knows one step."""
    await world.publish(step(1))
    async with start_gateway(world.platform) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
        yield url


@pytest.fixture
async def snapshot_taken(gateway: str, network: Network) -> AsyncIterator[ClientConnection]:
    """A client that has received the whole of the first step."""
    async with connect(address(gateway)) as connection:
        seen = 0
        while seen < len(network.sensors):
            seen += len((await receive(connection))["data"])
        yield connection


async def test_a_snapshot_and_then_what_changed(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    gateway: str,
    snapshot_taken: ClientConnection,
    step: Step,
    network: Network,
) -> None:
    async with connect(address(gateway)) as late:
        snapshot = await receive(late)
        assert snapshot["type"] == "predictions_snapshot"
        assert len(snapshot["data"]) == len(network.sensors)
        assert {row["horizon_minutes"] for row in snapshot["data"]} == {15}
        assert snapshot["timestamp"] == "2012-05-02T15:05:00Z"
        await world.publish(step(2)[-3:])
        for connection in (late, snapshot_taken):
            update = await receive(connection)
            assert set(update) == {"type", "data", "timestamp"}
            assert update["type"] == "predictions_update"
            assert update["timestamp"] == "2012-05-02T15:10:00Z"
            assert len(update["data"]) == 3
            assert {row["timestamp"] for row in update["data"]} == {"2012-05-02T15:10:00Z"}


async def test_the_rows_are_those_of_the_rest_route(gateway: str, snapshot_taken: ClientConnection) -> None:
    assert snapshot_taken.close_code is None
    async with connect(address(gateway, "?horizon_minutes=60")) as connection, httpx.AsyncClient() as client:
        rows = (await receive(connection))["data"]
        rest = (await client.get(f"{gateway}/api/predictions?horizon_minutes=60&limit=48")).json()
    assert sorted(rows, key=lambda row: row["sensor_id"]) == sorted(rest, key=lambda row: row["sensor_id"])


async def test_what_did_not_change_is_not_sent(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    snapshot_taken: ClientConnection,
    step: Step,
) -> None:
    await world.publish(step(1))
    await world.publish(step(2, predicted=False))
    await world.publish(step(1, revision=2)[-1:])
    update = await receive(snapshot_taken)
    assert len(update["data"]) == 1


async def test_a_client_may_follow_a_model(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    gateway: str,
    step: Step,
    network: Network,
) -> None:
    await world.publish(step(2, "ensemble", "xgboost"))

    async def rows_of(connection: ClientConnection, minute: int) -> dict[tuple[str, str], bool]:
        """The rows of every sensor, by sensor and model, once they are all of that minute."""
        rows: dict[str, dict[str, Any]] = {}
        while len(rows) < len(network.sensors) or {row["timestamp"][14:16] for row in rows.values()} != {
            f"{minute:02}"
        }:
            message = await receive(connection)
            if message["type"].startswith("predictions"):
                rows |= {row["sensor_id"]: row for row in message["data"]}
        return {(row["sensor_id"], row["model_name"]): row["serving"] for row in rows.values()}

    everywhere = [sensor.sensor_id for sensor in network.sensors]
    async with connect(address(gateway)) as served, connect(address(gateway, "?model=xgboost")) as compared:
        assert await rows_of(served, 10) == dict.fromkeys(((one, "ensemble") for one in everywhere), True)
        assert await rows_of(compared, 10) == dict.fromkeys(((one, "xgboost") for one in everywhere), False)
        # Another model is promoted: whoever follows what is served gets its rows, the other's follower its own.
        await world.publish(step(3, "xgboost", "ensemble"))
        assert await rows_of(served, 15) == dict.fromkeys(((one, "xgboost") for one in everywhere), True)
        assert await rows_of(compared, 15) == dict.fromkeys(((one, "xgboost") for one in everywhere), True)
        await served.send('{"type":"subscribe","model":"oracle"}')
        refused = await receive(served)
        assert refused["type"] == "error"
        assert "only ensemble, neural_network" in refused["errors"][0]["detail"]
        await served.send('{"type":"subscribe","model":"ensemble"}')
        assert (await receive(served))["model"] == "ensemble"
        assert await rows_of(served, 15) == dict.fromkeys(((one, "ensemble") for one in everywhere), False)
    async with connect(address(gateway)) as late:
        snapshot = await receive(late)
        assert len(snapshot["data"]) == len(network.sensors)
    with pytest.raises(InvalidStatus) as unknown:
        async with connect(address(gateway, "?model=oracle")):
            pass
    assert unknown.value.response.status_code == 403


async def test_other_channels_on_demand(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    gateway: str,
    snapshot_taken: ClientConnection,
    alert: Callable[..., Message],
    network: Network,
) -> None:
    assert snapshot_taken.close_code is None
    query = "?horizon_minutes=all&channels=predictions&channels=alerts&channels=sensors"
    async with connect(address(gateway, query), max_size=None) as connection:
        first = {(message := await receive(connection))["type"]: message["data"] for _ in range(3)}
        assert {kind: len(data) for kind, data in first.items()} == {
            "predictions_snapshot": 12 * len(network.sensors),
            "alerts_snapshot": 0,
            "sensors_snapshot": len(network.sensors),
        }
        await world.publish([alert("a", 1)])
        update = await receive(connection)
        assert (update["type"], [row["alert_id"] for row in update["data"]]) == ("alerts_update", ["a"])


async def test_messages_of_the_client(gateway: str, snapshot_taken: ClientConnection) -> None:
    assert gateway
    connection = snapshot_taken
    for odd in ("hello", "{}", '{"type":"subscribe","horizon_minutes":-1}', b"\xff\x00"):
        await connection.send(odd)
        answer = await receive(connection)
        assert answer["type"] == "error"
        assert answer["errors"]
    await connection.send('{"type":"ping"}')
    assert await receive(connection) == {"type": "pong"}
    await connection.send('{"type":"subscribe","sensor_ids":["405N-01","nowhere"],"horizon_minutes":30}')
    subscribed = await receive(connection)
    assert subscribed["type"] == "subscribed"
    assert sorted(subscribed["sensor_ids"]) == ["405N-01", "nowhere"]
    snapshot = await receive(connection)
    assert [(row["sensor_id"], row["horizon_minutes"]) for row in snapshot["data"]] == [("405N-01", 30)]


async def test_updates_keep_their_distance(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
) -> None:
    async with start_gateway(world.platform, push_interval_s=1.0) as url, connect(address(url)) as connection:
        await world.publish(step(1))
        arrivals: list[float] = []

        async def listen() -> None:
            while await receive(connection):
                arrivals.append(asyncio.get_running_loop().time())

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(DEADLINE_S):
            for number in range(2, 100):
                await world.publish(step(number)[-1:])
                await asyncio.sleep(0.1)
                if len(arrivals) >= 5:
                    break
        listening.cancel()
    pauses = [later - earlier for earlier, later in pairwise(arrivals[1:])]
    assert all(pause > 0.9 for pause in pauses)


async def test_a_foreign_page_is_refused_and_our_own_is_not(gateway: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address(gateway), origin="http://elsewhere.example"):  # type: ignore[arg-type]  # an Origin
            pass
    assert refused.value.response.status_code == 403
    for origin in ("http://localhost:3000", gateway):
        async with connect(address(gateway), origin=origin) as connection:  # type: ignore[arg-type]  # an Origin
            assert (await receive(connection))["type"] == "predictions_snapshot"


async def test_a_faulty_query_is_refused(gateway: str) -> None:
    for query in ("?horizon_minutes=0", "?channels=weather"):
        with pytest.raises(InvalidStatus):
            async with connect(address(gateway, query)):
                pass


async def test_clients_beyond_the_limit_are_asked_to_come_later(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
) -> None:
    async with start_gateway(world.platform, max_websocket_clients=1) as url, connect(address(url)) as first:
        await receive(first)
        async with connect(address(url)) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await receive(second)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


async def test_clients_that_vanish_are_cleaned_up(gateway: str) -> None:
    connections = [await connect(address(gateway)) for _ in range(20)]
    for connection in connections:
        await receive(connection)
    await until_metric(gateway, "metrla_gateway_websocket_clients", 20)
    for connection in connections:
        connection.transport.abort()
    await until_metric(gateway, "metrla_gateway_websocket_clients", 0)


async def test_clients_that_answer_no_ping_are_cleaned_up(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
) -> None:
    async with start_gateway(world.platform, websocket_ping_interval_s=0.3) as url:
        silent = await open_deaf(url)
        await until_metric(url, "metrla_gateway_websocket_clients", 1)
        await until_metric(url, "metrla_gateway_websocket_clients", 0)
        silent.close()


async def open_deaf(url: str, query: str = "") -> socket.socket:
    """A client that shakes hands and then never reads."""
    where = urlsplit(url)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, (where.hostname, where.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET /ws/predictions{query} HTTP/1.1",
        f"Host: {where.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    await loop.sock_sendall(deaf, ("\r\n".join(lines) + "\r\n\r\n").encode())
    assert b"101" in await loop.sock_recv(deaf, 12)
    return deaf


async def test_a_client_that_never_reads_delays_nobody_and_is_dropped(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    network: Network,
) -> None:
    steps, readers = 40, 200
    options = {"push_interval_s": 0.05, "slow_client_timeout_s": 1.0, "websocket_ping_interval_s": 60.0}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(start_gateway(world.platform, **options))
        await world.publish(step(1))
        deaf = await open_deaf(url, "?horizon_minutes=all")
        connections = [await stack.enter_async_context(connect(address(url))) for _ in range(readers)]
        last = {sensor.sensor_id: f"{step_time(steps)}" for sensor in network.sensors}

        async def read_to_the_end(connection: ClientConnection) -> float:
            known: dict[str, str] = {}
            while known != last:
                known |= {row["sensor_id"]: row["timestamp"] for row in (await receive(connection))["data"]}
            return asyncio.get_running_loop().time()

        reading = [asyncio.create_task(read_to_the_end(connection)) for connection in connections]
        for number in range(2, steps + 1):
            await world.publish(step(number))
            await asyncio.sleep(0.05)
        sent = asyncio.get_running_loop().time()
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*reading)
        assert max(ends) - sent < 10
        await until_metric(url, "metrla_gateway_websocket_slow_closes_total", 1)
        await until_metric(url, "metrla_gateway_websocket_clients", readers)
        deaf.close()


def step_time(number: int) -> str:
    minutes = 5 * number
    return f"2012-05-02T{15 + minutes // 60:02d}:{minutes % 60:02d}:00Z"
