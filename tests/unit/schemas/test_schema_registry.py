"""The Confluent wire format, against a registry that really listens."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any

import fastavro
import pytest

from shared.events.avro import encode
from shared.events.decoder import Decoder, EventDecoder
from shared.events.errors import (
    ConfigurationError,
    MetrlaError,
    RejectedEventError,
    RejectionReason,
    SchemaRegistryUnavailableError,
)
from shared.events.published import current_schema
from shared.events.records import NetworkId, SensorId, TrafficAlert, TrafficEvent
from shared.schemas.registry import PAUSE_S, SchemaRegistry

TIME = datetime(2012, 5, 2, 7, tzinfo=UTC)
EVENT = TrafficEvent("e-1", NetworkId("metr-la"), SensorId("773869"), TIME, 63.5)
# An operator's own writer: another namespace, fewer fields in another order, one of its own, a float for a double.
FOREIGN: dict[str, Any] = {
    "type": "record",
    "name": "TrafficEvent",
    "namespace": "com.example.roads",
    "fields": [
        {"name": "sensor_id", "type": "string"},
        {"name": "lane", "type": {"type": "int", "logicalType": "lane-number"}},
        {"name": "speed_mph", "type": "float"},
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "network_id", "type": "string"},
        {"name": "event_id", "type": "string"},
    ],
}
FOREIGN_VALUES = {
    "sensor_id": "773869",
    "lane": 2,
    "speed_mph": 63.5,
    "timestamp": TIME,
    "network_id": "metr-la",
    "event_id": "e-1",
}


class Registry:
    """A schema registry: answers by path, or `default`; remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, object]] = {}
        self.default: tuple[int, object] = (404, {"error_code": 40403, "message": "Schema not found"})
        self.asked: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                status, body = registry.answers.get(self.path, registry.default)
                payload = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, schema_id: int, schema: object, **more: object) -> None:
        self.answers[f"/schemas/ids/{schema_id}"] = (200, {"schema": json.dumps(schema), **more})


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def registry() -> Iterator[Registry]:
    running = Registry()
    thread = Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.server.shutdown()
    thread.join()
    running.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(registry: Registry, clock: Clock) -> Iterator[SchemaRegistry]:
    opened = SchemaRegistry(registry.url, clock=clock)
    yield opened
    opened.close()


def confluent(schema_id: int, schema: dict[str, Any], values: dict[str, Any]) -> bytes:
    body = BytesIO()
    body.write(b"\x00" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(body, schema, values)
    return body.getvalue()


def rejection(decode: Decoder[Any], data: bytes) -> RejectedEventError:
    with pytest.raises(RejectedEventError) as rejected:
        decode(data)
    return rejected.value


def test_a_message_of_another_writer_is_resolved_and_its_schema_asked_for_once(
    registry: Registry, client: SchemaRegistry
) -> None:
    registry.publish(7, FOREIGN)
    decode = EventDecoder(client.writer)
    for _ in range(3):
        assert decode(confluent(7, FOREIGN, FOREIGN_VALUES), 0, 0) == EVENT
    assert registry.asked == ["/schemas/ids/7"]


def test_single_object_messages_need_no_registry(registry: Registry, client: SchemaRegistry) -> None:
    assert Decoder(TrafficEvent, client.writer)(encode(EVENT)) == EVENT
    assert not registry.asked


def test_a_url_with_a_path_and_a_password(registry: Registry) -> None:
    registry.answers["/ccompat/v7/schemas/ids/7"] = (200, {"schema": json.dumps(FOREIGN)})
    client = SchemaRegistry(registry.url.replace("//", "//user:secret@") + "/ccompat/v7")
    assert Decoder(TrafficEvent, client.writer)(confluent(7, FOREIGN, FOREIGN_VALUES)) == EVENT
    registry.default = (500, {"message": "no"})
    with pytest.raises(SchemaRegistryUnavailableError) as unavailable:
        client.writer(TrafficEvent, 8)
    assert "secret" not in str(unavailable.value)
    client.close()


def test_damaged_messages_are_rejected(registry: Registry, client: SchemaRegistry) -> None:
    registry.publish(7, FOREIGN)
    decode = Decoder(TrafficEvent, client.writer)
    message = confluent(7, FOREIGN, FOREIGN_VALUES)
    for damaged in (message[:-1], message + b"\x00", message[:5], message[:4], b"\x00"):
        assert rejection(decode, damaged).reason is RejectionReason.UNDECODABLE


def test_an_unknown_id_is_an_unknown_schema_and_not_asked_for_again_at_once(
    registry: Registry, client: SchemaRegistry, clock: Clock
) -> None:
    decode = Decoder(TrafficEvent, client.writer)
    message = confluent(7, FOREIGN, FOREIGN_VALUES)
    for _ in range(2):
        assert rejection(decode, message).reason is RejectionReason.UNKNOWN_SCHEMA
    assert len(registry.asked) == 1
    registry.publish(7, FOREIGN)
    clock.now += PAUSE_S
    assert decode(message) == EVENT


@pytest.mark.parametrize(
    ("schema", "more", "shown"),
    [
        (current_schema("TrafficAlert").definition, {}, "the writer's record is a TrafficAlert"),
        ({**FOREIGN, "fields": FOREIGN["fields"][:-1]}, {}, "TrafficEvent.event_id"),
        ({**FOREIGN, "fields": [{"name": "timestamp", "type": "long"}]}, {}, "timestamp: written as long"),
        ("string", {}, "'string' is not a record"),
        ({"type": "record"}, {}, "not a valid record schema"),
        ([], {}, "[] is not a record"),
        (FOREIGN, {"schemaType": "PROTOBUF"}, "it is PROTOBUF, not Avro"),
        (FOREIGN, {"references": [{"name": "x"}]}, "refers to other schemas"),
    ],
)
def test_a_schema_that_does_not_fit_is_unknown(
    registry: Registry, client: SchemaRegistry, schema: object, more: dict[str, object], shown: str
) -> None:
    registry.publish(7, schema, **more)
    decode = Decoder(TrafficEvent, client.writer)
    for _ in range(2):
        rejected = rejection(decode, b"\x00\x00\x00\x00\x07rest")
        assert rejected.reason is RejectionReason.UNKNOWN_SCHEMA
        assert shown in rejected.detail
    assert len(registry.asked) == 1


def test_one_id_serves_several_records(registry: Registry, client: SchemaRegistry) -> None:
    registry.publish(7, FOREIGN)
    assert Decoder(TrafficEvent, client.writer)(confluent(7, FOREIGN, FOREIGN_VALUES)) == EVENT
    assert rejection(Decoder(TrafficAlert, client.writer), b"\x00\x00\x00\x00\x07").reason is (
        RejectionReason.UNKNOWN_SCHEMA
    )


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"error_code": 50001, "message": "Error in the backend data store"}),
        (401, {"error_code": 40101, "message": "Unauthorized"}),
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        (404, b"<html>Not found</html>"),
        (200, b"not json"),
        (200, [1]),
        (200, {"no": "schema"}),
    ],
)
def test_a_registry_that_fails_says_nothing_about_the_event(
    registry: Registry, client: SchemaRegistry, clock: Clock, answer: tuple[int, object]
) -> None:
    registry.answers["/schemas/ids/7"] = answer
    decode = Decoder(TrafficEvent, client.writer)
    message = confluent(7, FOREIGN, FOREIGN_VALUES)
    for _ in range(2):
        with pytest.raises(SchemaRegistryUnavailableError, match=registry.url):
            decode(message)
    assert len(registry.asked) == 1
    registry.publish(7, FOREIGN)
    clock.now += PAUSE_S
    assert decode(message) == EVENT


def test_a_registry_that_is_down(registry: Registry) -> None:
    port = registry.server.server_port
    client = SchemaRegistry(f"http://127.0.0.1:{port + 1 if port < 65535 else port - 1}", clock=Clock())
    with pytest.raises(MetrlaError, match="schema registry") as unavailable:
        client.writer(TrafficEvent, 7)
    assert isinstance(unavailable.value, SchemaRegistryUnavailableError)
    client.close()


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "http://", "  "])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="METRLA_SCHEMA_REGISTRY_URL"):
        SchemaRegistry(url)
