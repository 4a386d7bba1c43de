"""Clients that mean well, and what they miss while others do not."""

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from threading import Event, Thread

import httpx
import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from shared.events.avro import encode
from shared.events.records import HorizonForecast, TrafficPrediction
from shared.events.topics import AGGREGATES, PREDICTIONS
from shared.kafka.producer import Message
from shared.traffic.network import Network
from tests.kit.windows import processed_window

START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
ASK_S = 0.2
PROBE_S = 0.05
TIMEOUT_S = 10.0
PERCENT = 100


def step(network: Network, number: int) -> list[Message]:
    """The windows of every sensor that end `number` windows after START, and the predictions made of them."""
    end = START + number * network.window
    key = network.network_id.encode()
    windows = [
        Message(AGGREGATES.name, key, encode(processed_window(network.network_id, sensor_id, end - network.window)))
        for sensor_id in network.index
    ]
    return windows + [
        Message(
            PREDICTIONS.name,
            sensor_id.encode(),
            encode(
                TrafficPrediction(
                    *(network.network_id, sensor_id, end, "linear_regression", "1", number, 60.0),
                    tuple(
                        HorizonForecast(5 * ahead, end + timedelta(minutes=5 * ahead), 60.0, 50.0, 70.0, 0.8)
                        for ahead in range(1, 13)
                    ),
                )
            ),
        )
        for sensor_id in network.index
    ]


@dataclass(slots=True)
class Experience:
    """What honest clients lived through."""

    asked: int = 0
    refused: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    seen: set[datetime] = field(default_factory=set)
    seen_live: set[datetime] = field(default_factory=set)
    lost_streams: list[str] = field(default_factory=list)
    written: int = 0
    unwritten: list[str] = field(default_factory=list)


async def ask(url: str, token: str, network: Network, experience: Experience) -> None:
    """A program that polls the forecasts of one sensor, and now and then publishes an advisory."""
    query = {"sensor_id": network.sensors[0].sensor_id, "limit": "1000"}
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S) as client:
        while True:
            began = time.monotonic()
            try:
                answer = await client.get("/api/predictions", params=query)
                if answer.status_code == HTTPStatus.OK:
                    experience.seen |= {datetime.fromisoformat(row["timestamp"]) for row in answer.json()}
                else:
                    experience.refused.append(f"{answer.status_code}")
                if experience.asked % 10 == 0:
                    await _publish(client, token, experience)
            except httpx.TransportError as failed:
                experience.refused.append(type(failed).__name__)
            experience.asked += 1
            experience.slowest_s = max(experience.slowest_s, time.monotonic() - began)
            await asyncio.sleep(ASK_S)


async def _publish(client: httpx.AsyncClient, token: str, experience: Experience) -> None:
    advisory = {"advisory_type": "event", "title": "Game", "id": f"game-{experience.written % 5}"}
    answer = await client.post(
        "/api/advisories",
        json={**advisory, "latitude": 34.016074, "longitude": -118.421064},
        headers={"Authorization": f"Bearer {token}"},
    )
    if answer.status_code == HTTPStatus.CREATED:
        experience.written += 1
    else:
        experience.unwritten.append(f"{answer.status_code} {answer.text[:200]}")


async def follow(url: str, experience: Experience) -> None:
    """A page that stays open; a stream that is lost is noted, and opened again."""
    address = f"{url.replace('http', 'ws', 1)}/ws/predictions"
    while True:
        try:
            async with connect(address, open_timeout=TIMEOUT_S) as stream:
                async for text in stream:
                    experience.seen_live |= {
                        datetime.fromisoformat(row["timestamp"])
                        for row in _rows(json.loads(text))
                        if isinstance(row, dict) and "timestamp" in row
                    }
        except (OSError, WebSocketException) as lost:
            experience.lost_streams.append(f"{type(lost).__name__}: {lost}")
        await asyncio.sleep(ASK_S)


def _rows(message: dict[str, object]) -> Iterator[object]:
    for value in message.values():
        if isinstance(value, list):
            yield from value
        elif isinstance(value, dict):
            yield from _rows(value)


@dataclass(slots=True)
class Watch:
    """What is measured from beside: how soon /live answers, and the gateway's memory."""

    pid: int
    port: int
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    peak_bytes: int = 0

    def p99_s(self) -> float:
        """99 % of the answers came no later; a failure counts as the longest there can be."""
        ordered = sorted([*self.seconds, *([TIMEOUT_S] * self.failed)])
        return ordered[min(len(ordered) - 1, len(ordered) * 99 // PERCENT)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure meanwhile, in a thread of its own."""
        over = Event()
        thread = Thread(target=self._measure, args=(over,), name="watch")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _measure(self, over: Event) -> None:
        process = psutil.Process(self.pid)
        while not over.wait(PROBE_S):
            self.peak_bytes = max(self.peak_bytes, process.memory_info().rss)
            began = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
            try:
                connection.request("GET", "/live")
                if connection.getresponse().status == HTTPStatus.OK:
                    self.seconds.append(time.perf_counter() - began)
                else:
                    self.failed += 1
            except (OSError, http.client.HTTPException):
                self.failed += 1
            finally:
                connection.close()
