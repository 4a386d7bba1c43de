"""How the gateway does under attack: `/live` at the 99th percentile, its memory, and what an honest client gets.

50 connections of each kind at once, again and again: slow headers, slow bodies, huge bodies, half-open WebSockets,
wrong tokens, floods of parameters. Attackers and the gateway run in processes of their own; all ask from one address.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx
import psutil
from websockets.asyncio.client import connect

from metrla.local.devbroker import DevBroker
from metrla.local.launcher.plan import free_port
from shared.kafka.admin import ensure_topics

CONNECTIONS = 50
TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of a gateway that lives for the benchmark
HEAD = b"Host: localhost\r\n"
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
BODY = b"x" * 65536
START_S = 60.0

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds of every answer of /live, most memory in bytes, honest requests and what failed of them."""

    live_s: Sequence[float]
    memory_bytes: int
    honest: int
    failed: Sequence[str]

    @property
    def p99_s(self) -> float:
        """Of /live, seconds."""
        return sorted(self.live_s)[int(0.99 * (len(self.live_s) - 1))]


async def slow_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte of a header a second."""
    writer.write(b"GET /live HTTP/1.1\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1.0)


async def slow_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte of a body a second."""
    writer.write(b"POST /api/advisories HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1.0)


async def huge_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """300 MB, as fast as they are taken."""
    writer.write(b"POST /api/alerts/nope/actions HTTP/1.1\r\n" + HEAD + b"Content-Length: 300000000\r\n\r\n")
    for _number in range(300_000_000 // len(BODY)):
        writer.write(BODY)
        await writer.drain()


async def half_open(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A WebSocket that reads nothing."""
    writer.write(b"GET /ws/predictions?horizon_minutes=all HTTP/1.1\r\n" + HEAD + UPGRADE + b"\r\n")
    await writer.drain()
    await asyncio.sleep(30.0)


async def wrong_tokens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One guess after the other."""
    while True:
        guess = b"Authorization: Bearer %d\r\n" % random.getrandbits(64)
        writer.write(b"DELETE /api/advisories/x HTTP/1.1\r\n" + HEAD + guess + b"\r\n")
        await writer.drain()
        if not await reader.read(65536):
            return


async def parameters(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests with thousands of parameters."""
    query = b"&".join(b"p%d=1" % number for number in range(3000))
    while True:
        writer.write(b"GET /api/predictions?" + query + b" HTTP/1.1\r\n" + HEAD + b"\r\n")
        await writer.drain()
        if not await reader.read(65536):
            return


ATTACKS: Sequence[Attack] = (slow_headers, slow_body, huge_body, half_open, wrong_tokens, parameters)


async def attacked(port: int, attack: Attack) -> None:
    """One attacker, who comes again whenever the gateway ends it."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await attack(reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.05)


async def measure(duration_s: float, connections: int = CONNECTIONS) -> Outcome:
    """Attack a gateway for that long."""
    with TemporaryDirectory() as folder:
        async with DevBroker() as broker:
            await ensure_topics(broker.bootstrap_servers)
            port = free_port()
            environment = {name: value for name, value in os.environ.items() if not name.startswith("METRLA_")} | {
                "METRLA_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "METRLA_ARCHIVE_URL": (Path(folder) / "archive").as_uri(),
                "METRLA_STORE_URL": f"sqlite:///{Path(folder) / 'store.sqlite'}",
                "METRLA_LOG_FILE": str(Path(folder) / "log"),
                "METRLA_GATEWAY_PORT": str(port),
                "METRLA_GATEWAY_WRITE_TOKEN": TOKEN,
                "METRLA_STOP_WITH_PARENT": "true",
            }
            gateway = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "metrla", "run", "gateway"),
                env=environment,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                return await _measured(gateway.pid, port, duration_s, connections)
            finally:
                gateway.terminate()
                await gateway.wait()


async def _measured(pid: int, port: int, duration_s: float, connections: int) -> Outcome:
    process, url = psutil.Process(pid), f"http://127.0.0.1:{port}"
    live: list[float] = []
    failed: list[str] = []
    honest = memory = 0
    limits = httpx.Timeout(30.0)
    async with httpx.AsyncClient(base_url=url, timeout=limits) as client:
        async with asyncio.timeout(START_S):
            while not await _ready(client):  # noqa: ASYNC110 - another process, which announces nothing
                await asyncio.sleep(0.1)
        attackers = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.hostile", str(port), str(connections))
        )
        try:
            async with connect(f"ws://127.0.0.1:{port}/ws/predictions") as socket:
                end = perf_counter() + duration_s
                while perf_counter() < end:
                    begun = perf_counter()
                    answers = [await client.get("/live")]
                    live.append(perf_counter() - begun)
                    answers.append(await client.get("/api/sensors", headers={"Authorization": f"Bearer {TOKEN}"}))
                    body = {"advisory_type": "event", "title": "x", "affected_sensors": ["405N-01"], "id": str(honest)}
                    answers.append(
                        await client.post("/api/advisories", json=body, headers={"Authorization": f"Bearer {TOKEN}"})
                    )
                    await socket.send('{"type":"ping"}')
                    while json.loads(await socket.recv())["type"] != "pong":
                        pass
                    honest += len(answers)
                    failed += [
                        f"{answer.request.url.path}: {answer.text}" for answer in answers if not answer.is_success
                    ]
                    memory = max(memory, process.memory_info().rss)
                    await asyncio.sleep(0.25)
        finally:
            attackers.terminate()
            await attackers.wait()
    return Outcome(live, memory, honest, failed)


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).is_success
    except httpx.TransportError:
        return False


async def attack_all(port: int, connections: int) -> None:
    """All attackers, for ever."""
    await asyncio.gather(*(attacked(port, attack) for attack in ATTACKS for _ in range(connections)))


def main() -> None:
    """Print the table; with a port and a number, be the attackers."""
    if len(sys.argv) > 1:
        asyncio.run(attack_all(int(sys.argv[1]), int(sys.argv[2])))
        return
    outcome = asyncio.run(measure(30.0))
    print(f"{'attackers':<24}{CONNECTIONS * len(ATTACKS)}")
    print(f"{'/live p50, ms':<24}{1000 * sorted(outcome.live_s)[len(outcome.live_s) // 2]:.1f}")
    print(f"{'/live p99, ms':<24}{1000 * outcome.p99_s:.1f}")
    print(f"{'memory, MB':<24}{outcome.memory_bytes / 1e6:.0f}")
    print(f"{'honest requests':<24}{outcome.honest}, {len(outcome.failed)} failed")
    for failure in outcome.failed[:5]:
        print(f"  {failure}")


if __name__ == "__main__":
    main()
