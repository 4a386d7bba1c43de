"""WebSocket handshakes that are none: each is answered with a problem, none is kept, and none fills the log."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.kit.asking import PATIENCE_S, answered, opened, status_of, until_ready

pytestmark = pytest.mark.integration

Start = Callable[..., AbstractAsyncContextManager[str]]
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"


def handshake(
    *headers: str, key: str = KEY, version: str = VERSION, line: str = "GET /ws/predictions HTTP/1.1", body: bytes = b""
) -> bytes:
    lines = "".join(f"{each}\r\n" for each in headers)
    head = f"{line}\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}{version}{lines}\r\n"
    return head.encode("latin-1") + body


def frame(kind: int, data: bytes) -> bytes:
    """One frame as a client sends it, masked with zeros."""
    return bytes([0x80 | kind, 0x80 | len(data)]) + bytes(4) + data


HANDSHAKES = [
    (handshake("Content-Length: 5"), 400),
    (handshake("Content-Length: 5", body=b"hello"), 400),
    (handshake("Transfer-Encoding: chunked"), 400),
    (handshake("Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    (handshake("Content-Length: 00"), 400),
    (b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake("Content-Length: 5"), 400),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + handshake().split(b"\r\n", 2)[2], 431),
    (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + handshake(), 400),
    (handshake(version="Sec-WebSocket-Version: 12\r\n"), 426),
    (handshake(version=""), 400),
    (handshake(key=""), 400),
    (handshake(key="Sec-WebSocket-Key: x\r\n"), 400),
    (handshake("Origin: http://localhost", "Origin: http://evil"), 400),
    (handshake(line="POST /ws/predictions HTTP/1.1"), 405),
    (handshake(line=f"GET /ws/predictions?{'x' * 9000} HTTP/1.1"), 431),
    (handshake(line="GET /ws/predictions?\xe9 HTTP/1.1"), 400),
    (handshake(line="GET /ws/pr\xe9dictions HTTP/1.1"), 400),
    (handshake(line="GET /ws/nothing HTTP/1.1"), 404),
    (handshake(line="GET /live-map/ HTTP/1.1"), 404),
    (handshake(line="GET /docs HTTP/1.1"), 404),
    (handshake(f"X: {'x' * 9000}"), 431),
    (handshake("Origin: http://\xe9vil"), 403),
]


async def test_every_handshake_is_answered_and_what_is_none_with_a_problem(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with start_gateway(world.platform) as url:
        await until_ready(url)
        for number, (sent, status) in enumerate(HANDSHAKES):
            said = await answered(url, sent)
            head, _, body = ("HTTP/1.1 " + said.rpartition("HTTP/1.1 ")[2]).partition("\r\n\r\n")
            assert (number, status_of(head), json.loads(body)["status"]) == (number, status, status)
            assert "application/problem+json" in head
            assert "nosniff" in head
            assert "frame-ancestors 'none'" in head
    assert "Traceback" not in "".join(capfd.readouterr())


async def test_handshakes_that_announce_a_body_take_no_place(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    sent = [handshake("Content-Length: 5"), handshake("Transfer-Encoding: chunked")]
    async with start_gateway(world.platform, max_connections=20) as url:
        await until_ready(url)
        for _ in range(2):
            await asyncio.gather(*(answered(url, each) for each in sent * 20), return_exceptions=True)
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
            assert (await client.get("/live")).status_code == 200
            metrics = (await client.get("/metrics")).text
        assert "metrla_gateway_connections 1.0" in metrics


async def test_refusals_and_odd_messages_write_few_lines(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = [b"\x81\x81\0\0\0\0\xff", frame(0, b"x"), frame(8, b"\0\1"), frame(5, b"x"), frame(2, b"\xff")]
    async with start_gateway(world.platform, fault_burst=1000) as url:
        await until_ready(url)
        for _ in range(20):
            await answered(url, handshake("Origin: http://evil"))
            for each in odd:
                async with opened(url, handshake()) as (reader, writer):
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(each)
                    writer.write(frame(8, b"\x03\xe8"))
                    async with asyncio.timeout(PATIENCE_S):
                        await reader.read()
    said = "".join(capfd.readouterr()) + caplog.text
    assert "Traceback" not in said
    assert "without completing handshake" not in said
    assert said.count("refused") <= 25


async def test_a_message_with_a_thousand_faults_is_answered_in_few_words(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
) -> None:
    async with start_gateway(world.platform) as url, connect(f"{url.replace('http', 'ws')}/ws/predictions") as socket:
        await socket.send(json.dumps({"type": "subscribe", "sensor_ids": [0] * 5000}))
        async with asyncio.timeout(PATIENCE_S):
            while (said := json.loads(await socket.recv()))["type"] == "heartbeat":
                pass
        assert said["type"] == "error"
        assert len(said["errors"]) <= 20


async def test_clients_that_leave_before_they_said_who_they_are_leave_no_traceback(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with start_gateway(world.platform, reads="key", write_token="sesame") as url:  # noqa: S106 - of this test
        await until_ready(url)
        for leaving in (b"", frame(8, b"\x03\xe8"), frame(1, b"{")):
            async with opened(url, handshake()) as (reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(leaving)
                await writer.drain()
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
            assert (await client.get("/live")).status_code == 200
    said = "".join(capfd.readouterr()) + caplog.text
    assert "Traceback" not in said
    assert "request failed" not in said
