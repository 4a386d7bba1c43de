"""Connections that mean no good, many of each kind at once: `… HOST PORT EACH SECONDS KIND,KIND`.

Each kind comes from an address of its own on loopback, as attackers do not come from the address of honest clients.
At the end the process prints as JSON how often each kind was answered with which status, cut, or let wait.
"""

import asyncio
import base64
import json
import os
import random
import socket
import sys
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress

PAUSE_S = 0.2
DRIP_S = 1.0
PATIENCE_S = 60.0
PIECE = b"x" * 65_536
HUGE_BYTES = 300 * 1024 * 1024
STATUS_BYTES = 12

Outcome = str
Attack = Callable[[StreamReader, StreamWriter, str], Awaitable[Outcome]]


async def slow_headers(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A header a byte at a time, for ever."""
    writer.write(f"GET /api/predictions HTTP/1.1\r\nHost: {host}\r\nX-Slow: ".encode())
    return await _drip(reader, writer)


async def slow_bodies(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A body a byte at a time, of a length told or not, without a token."""
    length = random.choice(("Content-Length: 100000", "Transfer-Encoding: chunked"))
    writer.write(_post(host, length))
    return await _drip(reader, writer, b"1\r\n \r\n" if "chunked" in length else b" ")


async def huge_bodies(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """300 MB as fast as they are taken, without a token."""
    writer.write(_post(host, f"Content-Length: {HUGE_BYTES}"))
    return await _pour(reader, writer, HUGE_BYTES)


async def huge_headers(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """One header without an end."""
    writer.write(f"GET /api/predictions HTTP/1.1\r\nHost: {host}\r\nX-Long: ".encode())
    return await _pour(reader, writer, HUGE_BYTES)


async def half_open_websockets(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A WebSocket that is opened and half of a frame sent, never another byte read nor a ping answered."""
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws/predictions?horizon_minutes=all HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    status = await _status(reader)
    if status != "101":
        return status
    writer.write(b"\x81\xff\x00\x00")
    # Reads no more: what the gateway sends fills the buffers.
    await asyncio.sleep(PATIENCE_S)
    return "let wait"


async def half_handshakes(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A connection on which nothing is ever said."""
    del writer, host
    return await _status(reader)


async def wrong_tokens(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A write with a token that is guessed, one after the other on a connection."""
    for _ in range(100):
        body = b'{"kind": "acknowledge", "operator": "eve"}'
        token = base64.urlsafe_b64encode(os.urandom(24)).decode()
        writer.write(_post(host, f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}") + body)
        status = await _answer(reader)
        if status != "401":
            return status
        await asyncio.sleep(0)
    return "401"


async def parameter_floods(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """A query of thousands of parameters."""
    query = "&".join(f"sensor_id={number}&p{number}=1" for number in range(3_000))
    writer.write(f"GET /api/predictions?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return await _answer(reader)


async def expensive_reads(reader: StreamReader, writer: StreamWriter, host: str) -> Outcome:
    """The largest answers there are, asked for and hardly read."""
    for path in ("/api/predictions?horizon_minutes=all&limit=1000", "/openapi.json", "/api/sensors"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return await _status(reader)


ATTACKS: dict[str, Attack] = {
    "slow headers": slow_headers,
    "slow bodies": slow_bodies,
    "huge headers": huge_headers,
    "huge bodies": huge_bodies,
    "half-open WebSockets": half_open_websockets,
    "silent connections": half_handshakes,
    "wrong tokens": wrong_tokens,
    "parameter floods": parameter_floods,
    "expensive reads": expensive_reads,
}


def source_of(number: int) -> str:
    """The address that the attack with this number comes from."""
    return f"127.0.0.{10 + number}"


async def attack(
    host: str, port: int, each: int, seconds: float, kinds: Collection[str]
) -> dict[str, Counter[Outcome]]:
    """Keep `each` connections of these kinds going for so long; returns how they ended, `open` those that did not."""
    outcomes = {name: Counter[Outcome]() for name in kinds}
    attackers = [
        asyncio.create_task(_attacker(work, (host, port), source_of(number), outcomes[name]))
        for number, (name, work) in enumerate(ATTACKS.items())
        if name in outcomes
        for _ in range(each)
    ]
    await asyncio.sleep(seconds)
    for attacker in attackers:
        attacker.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)
    return outcomes


async def _attacker(work: Attack, target: tuple[str, int], source: str, outcomes: Counter[Outcome]) -> None:
    while True:
        outcome = "open"
        try:
            async with _connected(target, source) as (reader, writer):
                outcome = await work(reader, writer, f"{target[0]}:{target[1]}")
        except (OSError, EOFError) as cut:
            outcome = f"cut ({type(cut).__name__})"
        finally:
            outcomes[outcome] += 1
        await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def _connected(target: tuple[str, int], source: str) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Small, so that a peer who reads nothing is noticed soon.
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.bind((source, 0))
    plug.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    try:
        # Not `wait_for`: in Python 3.11 it loses a cancellation that comes as the connection does.
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.get_running_loop().sock_connect(plug, target)
        reader, writer = await asyncio.open_connection(sock=plug, limit=8192)
    except BaseException:
        plug.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


def _post(host: str, *headers: str) -> bytes:
    lines = [
        "POST /api/alerts/nope/actions HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        *headers,
        "\r\n",
    ]
    return "\r\n".join(lines).encode()


async def _drip(reader: StreamReader, writer: StreamWriter, drop: bytes = b"a") -> Outcome:
    answer = asyncio.create_task(_status(reader))
    try:
        while not answer.done():
            writer.write(drop)
            await writer.drain()
            await asyncio.wait({answer}, timeout=DRIP_S)
        return answer.result()
    finally:
        answer.cancel()


async def _pour(reader: StreamReader, writer: StreamWriter, length: int) -> Outcome:
    answer = asyncio.create_task(_status(reader))
    try:
        for _ in range(length // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
            if answer.done():
                return answer.result()
        return await answer
    finally:
        answer.cancel()


async def _status(reader: StreamReader) -> Outcome:
    return (await reader.readexactly(STATUS_BYTES))[9:].decode()


async def _answer(reader: StreamReader) -> Outcome:
    """The status of a whole answer, so that another request can follow."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next((line for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0")
    await reader.readexactly(int(length.partition(":")[2] or 0))
    return head[9:12]


if __name__ == "__main__":
    at, port, each, seconds, kinds = sys.argv[1:]
    print(json.dumps(asyncio.run(attack(at, int(port), int(each), float(seconds), kinds.split(",")))))  # noqa: T201 - its answer
