"""The gateway as clients reach it: requests through its whole application, and what a WebSocket client says."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from unittest.mock import patch
from urllib.parse import quote, unquote, urlencode

import structlog
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from starlette.types import Message, Scope

from metrla.data.importing.folder import write_network
from metrla.local.devbroker import DevBroker
from services.gateway.app import build_gateway
from services.gateway.live import client_messages
from services.gateway.log import writer
from services.gateway.routes.gateway import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.web.application import build_application
from shared.archive.url import open_archive
from shared.events.avro import encode
from shared.events.topics import ADVISORIES, AGGREGATES, ALERTS, PREDICTIONS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message as Produced
from shared.kafka.producer import open_producer, send_all
from shared.runtime.settings import PlatformSettings
from shared.store.deferred import open_deferred
from tests.fuzz.documents import CAP, FORMS, LINE, RING
from tests.fuzz.mutation import changed, changed_json, damaged, json_bytes, texts
from tests.fuzz.oracle import demand_clean, demand_sound
from tests.fuzz.records import NETWORK, RECORDS
from tests.fuzz.target import Target
from tests.kit.until import until

TOKEN = "fuzz-0123456789-abcdefghijklmnop"  # noqa: S105 - of a gateway that lives as long as a run
HOST = "127.0.0.1:8000"
ANSWER_S = 20.0
REST_S = 1.0
"""After a longer rest its clients of the broker have to find it again."""
SEEN_S = 0.02
Answered = TypeVar("Answered")

ADVISORY: dict[str, Any] = {
    "advisory_type": "construction",
    "title": "Paving",
    "description": "Two lanes.",
    "severity": "high",
    "starts_at": "2026-03-03T22:00:00-08:00",
    "ends_at": "2026-03-04T05:00:00-08:00",
    "network_id": "toy",
    "geometry": {"type": "Polygon", "coordinates": [RING]},
    "road": "I-10",
    "direction": "E",
    "id": "mine-1",
    "source": "crew",
}
AT_SENSORS: dict[str, Any] = {"advisory_type": "event", "title": "Game", "affected_sensors": ["s0"], "id": "mine-2"}
AT_PLACE = {"advisory_type": "weather", "title": "Fog", "latitude": LINE[0][1], "longitude": LINE[0][0]}
ACTION = {"kind": "comment", "operator": "ann", "text": "seen", "action_id": "a1"}
SUBSCRIBE: dict[str, Any] = {
    "type": "subscribe",
    "channels": ["predictions", "alerts"],
    "sensor_ids": ["s0"],
    "horizon_minutes": 15,
    "model": "xgboost",
}
PATHS = (
    *("/", "/health", "/live", "/ready", "/metrics", "/docs", "/openapi.json", "/live-map/{id}"),
    *("/api/predictions", "/api/alerts", "/api/alerts/{id}", "/api/alerts/{id}/actions", "/api/advisories"),
    *("/api/advisories/{id}", "/api/sensors", "/api/networks", "/api/models", "/api/models/{id}"),
    *("/api/history/aggregates", "/api/history/predictions", "/{id}"),
)
PARAMETERS = (
    *("limit", "severity", "alert_type", "active", "acknowledged", "predicted", "sensor_id", "network_id", "state"),
    *("advisory_type", "feed", "complete", "horizon_minutes", "model", "min_confidence", "road_type", "from", "to"),
    *("sensor", "sevrity", "units", "before", "channels"),
)
GOOD = ("10", "high", "true", "s0", "toy", "all", "15", "xgboost", "2026-03-03T00:00:00Z", "now", "congestion", "β…/?#")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class _World:
    """A gateway with its broker, archive and store. They run while `wait` does, and rest while inputs are made."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._held = AsyncExitStack()
        self._asked_at_s = time.monotonic()
        self.gateway, self.application = self.wait(self._start())

    def wait(self, work: Coroutine[Any, Any, Answered]) -> Answered:
        return self._runner.run(work)

    def close(self) -> None:
        self.wait(self._held.aclose())
        self._runner.close()

    async def _start(self) -> tuple[Gateway, Any]:
        held = self._held
        folder = Path(held.enter_context(TemporaryDirectory(prefix="metrla-fuzz-")))
        held.enter_context(structlog.testing.capture_logs())
        # Nobody adds actions to alerts here, so that waiting for it is in vain.
        held.enter_context(patch.object(writer, "SEEN_S", SEEN_S))
        broker = await held.enter_async_context(DevBroker())
        write_network(NETWORK, folder / "network")
        platform = PlatformSettings(
            kafka_bootstrap_servers=broker.bootstrap_servers,
            archive_url=(folder / "archive").as_uri(),
            store_url=f"sqlite:///{folder / 'store.sqlite'}",
            networks=(folder / "network",),
        )
        await ensure_topics(broker.bootstrap_servers)
        archive = held.enter_context(closing(open_archive(platform.archive_url)))
        store = held.enter_context(closing(open_deferred(platform.store_url)))
        gateway = build_gateway(platform, GatewaySettings(write_token=SecretStr(TOKEN)), archive, store)
        held.push_async_callback(gateway.log_writer.close)
        following = asyncio.create_task(gateway.follower.run())
        held.push_async_callback(_cancel, following)
        async with open_producer(broker.bootstrap_servers, "fuzz") as producer:
            known = {"ProcessedTrafficAggregate": AGGREGATES, "TrafficPrediction": PREDICTIONS}
            known |= {"TrafficAlert": ALERTS, "TrafficAdvisory": ADVISORIES}
            await send_all(
                producer, [Produced(topic.name, name.encode(), encode(RECORDS[name])) for name, topic in known.items()]
            )
        self.following = following
        await until(lambda: len(gateway.view.alerts) > 0, "the gateway to know an alert")
        return gateway, build_application(gateway)

    async def _ready(self) -> bool:
        return (await self.ask("GET", "/ready", "", [("host", HOST)], b"")).status < 400

    async def ask(self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """One request as uvicorn hands it over."""
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("ascii"),
            "root_path": "",
            "query_string": query.encode("ascii"),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 8000),
        }
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return given.pop() if given else await asyncio.Future()

        async def send(message: Message) -> None:
            sent.append(message)

        rested_s, self._asked_at_s = time.monotonic() - self._asked_at_s, time.monotonic()
        if rested_s > REST_S:
            await until(self._ready, "the gateway to be ready again")
        async with asyncio.timeout(ANSWER_S):
            await self.application(scope, receive, send)
        status = next(message["status"] for message in sent if message["type"] == "http.response.start")
        told = next(message["headers"] for message in sent if message["type"] == "http.response.start")
        pieces = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return Answer(status, {name.decode(): value.decode("latin-1") for name, value in told}, pieces)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


_worlds: list[_World] = []


def world() -> _World:
    """The one of this process."""
    if not _worlds:
        _worlds.append(_World())
    return _worlds[0]


def close_world() -> None:
    """Stop it, if it runs."""
    while _worlds:
        _worlds.pop().close()


def _request(case: tuple[str, str, str, list[tuple[str, str]], bytes]) -> None:
    here = world()
    answer = here.wait(here.ask(*case))
    assert answer.status < 500 or (answer.status == 503 and "retry-after" in answer.headers), (
        f"an answer {answer.status}: {answer.body[:300]!r}"
    )
    assert not here.following.done(), f"the follower ended: {here.following}"
    if answer.status >= 400:
        assert answer.headers.get("content-type") == "application/problem+json", (
            f"an answer {answer.status} without a problem: {answer.body[:300]!r}"
        )
        json.loads(answer.body)
    elif answer.status < 300 and case[0] in {"POST", "DELETE"}:
        for text in _texts(json.loads(answer.body)):
            demand_clean(text)
        for record in tuple(here.gateway.view.advisories.records.values()):
            demand_sound(record)


def _texts(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from _texts(each)


_IDS = st.sampled_from(("x", "v", "s0", "xgboost", "%", "..%2f", "%00", "%ff%fe", "%C3%28", "")) | texts.map(
    lambda text: quote(_utf8(text)[:600], safe="")
)
_VALUES = st.sampled_from(GOOD) | texts


def _query_of(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(_utf8(name), _utf8(value)) for name, value in pairs])


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def _read(draw: st.DrawFn) -> tuple[str, str, str, list[tuple[str, str]], bytes]:
    path = draw(st.sampled_from(PATHS)).replace("{id}", draw(_IDS))
    pairs = draw(st.lists(st.tuples(st.sampled_from(PARAMETERS) | texts, _VALUES), max_size=3))
    method = draw(st.sampled_from(("GET", "GET", "GET", "HEAD", "OPTIONS", "PUT")))
    return method, path if path.isascii() else "/", _query_of(pairs), draw(_headers()), b""


@st.composite
def _headers(draw: st.DrawFn) -> list[tuple[str, str]]:
    names = ("host", "origin", "accept", "if-none-match", "accept-encoding", "idempotency-key", "range", "cookie")
    value = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=20)
    return draw(st.lists(st.tuples(st.sampled_from(names), value), max_size=2))


@st.composite
def _write(draw: st.DrawFn) -> tuple[str, str, str, list[tuple[str, str]], bytes]:
    headers = [*draw(_headers()), ("authorization", f"Bearer {TOKEN}"), ("host", HOST)]
    if draw(st.booleans()):
        body = draw(changed_json([ACTION]))
        identity = draw(st.sampled_from(("x", "x", "x", "none")) | _IDS)
        return "POST", f"/api/alerts/{identity}/actions", "", [*headers, ("content-type", "application/json")], body
    pairs = draw(st.lists(st.tuples(st.sampled_from(("feed", "complete")), _VALUES), max_size=2))
    if draw(st.integers(0, 9)) == 0:
        return "DELETE", f"/api/advisories/{draw(_IDS)}", "", headers, b""
    kind, body = draw(
        st.tuples(st.just("application/json"), changed_json([ADVISORY, AT_SENSORS, AT_PLACE]))
        | st.tuples(st.just("application/json"), changed(list(FORMS.values())).map(json_bytes))
        | st.tuples(st.just("application/cap+xml"), damaged([CAP]))
    )
    return "POST", "/api/advisories", _query_of(pairs), [*headers, ("content-type", kind)], body


def _message(data: bytes) -> None:
    """What a WebSocket client says, as text where it is some; the answer is always JSON."""
    try:
        message = client_messages.parse(data)
    except ValidationError as invalid:
        json.loads(client_messages.error(invalid))
        return
    if isinstance(message, client_messages.Subscribe):
        assert message.selections()
        for text in _texts(json.loads(client_messages.subscribed(message))):
            demand_clean(text)


TARGETS = (
    Target("reads", _read(), _request, 40),
    Target("writes", _write(), _request, 40),
    Target("client-messages", changed_json([SUBSCRIBE, {"type": "ping"}]), _message),
)
