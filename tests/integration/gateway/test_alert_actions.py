"""Operators' actions over the API: what reaches the log, what is refused, and that repeating one is safe."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from metrla.client import (
    AdvisoryState,
    AdvisoryType,
    AlertActionKind,
    AlertsMessage,
    Channel,
    GatewayClient,
    GatewayError,
    HeartbeatMessage,
    NewAdvisory,
)
from shared.alerts.actions import rule
from shared.events import records as platform
from shared.events.avro import decode, encode
from shared.events.records import AlertAction, AlertEvidence, MeasuredWindow, SensorId, TrafficAlert
from shared.events.topics import ALERT_ACTIONS, ALERTS
from shared.kafka.admin import partitions_of
from shared.kafka.producer import Message
from shared.kafka.replay import open_reader, read_range

pytestmark = pytest.mark.integration

TOKEN = {"Authorization": "Bearer sesame"}
JSON = {"Content-Type": "application/json"}
SEEN = {"kind": "acknowledge", "operator": "Dana"}
Start = Callable[..., AbstractAsyncContextManager[str]]
Until = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def url(
    world: Any,  # noqa: ANN401 - the fixture's world
    start_gateway: Start,
    until_answer: Until,
    alert: Callable[..., Message],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[str]:
    # No alert detector runs here: no action comes back, and waiting for it says nothing.
    monkeypatch.setattr("services.gateway.log.writer.SEEN_S", 0.1)
    await world.publish([alert("standing", 1), alert("over", 2, cleared=True)])
    async with (
        start_gateway(world.platform, write_token="sesame") as url,  # noqa: S106 - of a gateway that lives as long as the test
        httpx.AsyncClient(base_url=url) as client,
    ):
        await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers=TOKEN) as client:
        yield client


async def published(world: Any) -> list[AlertAction]:  # noqa: ANN401 - the fixture's world
    servers = world.platform.kafka_bootstrap_servers
    (partition,) = await partitions_of(servers, [ALERT_ACTIONS])
    async with open_reader(servers, "test") as reader:
        end = (await reader.end_offsets([partition]))[partition]
        records = await read_range(reader, partition, 0, end)
    actions = [decode(AlertAction, record.value or b"") for record in records]
    assert [record.key for record in records] == [action.alert_id.encode() for action in actions]
    return actions


async def test_an_action_is_on_the_log_once(world: Any, client: httpx.AsyncClient) -> None:  # noqa: ANN401 - the fixture's world
    made = await client.post("/api/alerts/standing/actions", json=SEEN, headers={"Idempotency-Key": "k-1"})
    assert made.status_code == 202
    assert made.headers["Location"] == "/api/alerts/standing"
    again = await client.post("/api/alerts/standing/actions", json=SEEN | {"action_id": "k-1"})
    assert (again.status_code, again.json()) == (202, made.json())
    (action,) = await published(world)
    assert (action.action_id, action.kind, action.operator, action.text) == (
        "k-1",
        platform.AlertActionKind.ACKNOWLEDGE,
        "Dana",
        "",
    )
    assert action.network_id
    other = await client.post("/api/alerts/standing/actions", json=SEEN | {"action_id": "k-1", "operator": "Kim"})
    assert other.status_code == 422
    assert "another action" in other.json()["detail"]
    without = [await client.post("/api/alerts/standing/actions", json=SEEN) for _ in range(2)]
    assert len({answer.json()["action_id"] for answer in without}) == 2
    assert len(await published(world)) == 3


async def test_what_is_taken_is_what_the_alert_will_have(world: Any, client: httpx.AsyncClient) -> None:  # noqa: ANN401 - the fixture's world
    path = "/api/alerts/standing/actions"
    for action_id in ("\u0958" * 101, "\U0001d160" * 67, "a\u200e"):
        assert (await client.post(path, json=SEEN | {"action_id": action_id})).status_code == 422
    said = SEEN | {
        "kind": "comment",
        "operator": "Zoe\u0308",
        "text": "\u0958 one\r\ntwo",
        "action_id": "e\u0301" * 200,
    }
    made = await client.post(path, json=said)
    assert made.status_code == 202
    assert (await client.post(path, json=said)).json() == made.json()
    header = {b"Idempotency-Key": ("\u00e9" * 200).encode()}
    assert (await client.post(path, json=said, headers=header)).json() == made.json()
    (action,) = await published(world)
    assert (action.action_id, action.operator, action.text) == tuple(
        made.json()[name] for name in ("action_id", "operator", "text")
    )
    assert action.text == "\u0915\u093c one\ntwo"
    twice = '{"kind": "acknowledge", "kind": "close", "operator": "Dana"}'
    refused = await client.post(path, content=twice, headers=JSON)
    assert refused.status_code == 422
    assert "is there twice" in refused.text


HARD_IDS = ("congestion-netz-β-1", "congestion-a/b ü%2F?#[x]&'\"~2", "交通-1", "a/actions", "a//b")


async def test_alerts_of_any_ids_are_acted_on(
    world: Any,  # noqa: ANN401 - the fixture's world
    url: str,
    client: httpx.AsyncClient,
    alert: Callable[..., Message],
    until_answer: Until,
) -> None:
    await world.publish([alert(alert_id, number) for number, alert_id in enumerate(HARD_IDS)])
    await until_answer(client, "/api/alerts", lambda answer: len(answer.json()) == 2 + len(HARD_IDS))
    for number, alert_id in enumerate(HARD_IDS):
        key = f"{number} β"
        path = f"/api/alerts/{quote(alert_id, safe='')}"
        headers = {b"Idempotency-Key": key.encode()}
        made = await client.post(f"{path}/actions", json=SEEN, headers=headers)
        assert (made.status_code, made.json()["action_id"]) == (202, key), made.text
        found = await client.get(made.headers["Location"])
        assert found.json()["alert_id"] == alert_id
    async with GatewayClient(url, write_token="sesame") as gateway:  # noqa: S106 - of a gateway that lives as long as the test
        for alert_id in HARD_IDS:
            assert (await gateway.alert(alert_id)).alert_id == alert_id
            acted = await gateway.act(alert_id, AlertActionKind.COMMENT, "Δανάη", "εντάξει")
            assert acted.operator == "Δανάη"


async def test_an_action_that_the_alert_has_is_not_sent_again(
    world: Any,  # noqa: ANN401 - the fixture's world
    client: httpx.AsyncClient,
    alert: Callable[..., Message],
    until_answer: Until,
) -> None:
    first = decode(TrafficAlert, alert("standing", 1).value or b"")
    action = AlertAction(
        "k-1", first.alert_id, first.network_id, platform.AlertActionKind.COMMENT, first.raised_at, "Dana", "x"
    )
    window = MeasuredWindow(SensorId("405N-01"), first.raised_at, 18.123, 60.0, None)
    why = AlertEvidence("bottleneck", "speed_drop_mph", 41.9, 20.0, None, None, (window,))
    after = replace(first, revision=2, actions=(action,), evidence=(why,), estimated_duration_lower_minutes=10.0)
    await world.publish([Message(ALERTS.name, b"standing", encode(after))])
    body = (await until_answer(client, "/api/alerts/standing", lambda answer: answer.json()["revision"] == 2)).json()
    assert body["evidence"][0]["windows"] == [
        {
            "sensor_id": "405N-01",
            "window_end": "2012-05-02T15:05:00Z",
            "speed": 18.12,
            "usual_speed": 60.0,
            "forecast_speed": None,
        }
    ]
    assert (body["estimated_duration_lower"], body["estimated_duration_upper"], body["acknowledged"]) == (
        10,
        None,
        False,
    )
    again = await client.post(
        "/api/alerts/standing/actions",
        json={"kind": "comment", "operator": "Dana", "text": " x "},
        headers={"Idempotency-Key": "k-1"},
    )
    assert (again.status_code, again.json()) == (200, body["actions"][0])
    assert await published(world) == []


async def test_what_an_alert_does_not_take(
    world: Any,  # noqa: ANN401 - the fixture's world
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(alert_id: str, body: object, status: int, **given: Any) -> str:  # noqa: ANN401 - passed on
        answer = await client.post(f"/api/alerts/{alert_id}/actions", json=body, **given)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        return json.dumps(answer.json())

    assert "no alert nothing" in await refused("nothing", SEEN, 404)
    assert "cleared already" in await refused("over", {"kind": "close", "operator": "Dana"}, 409)
    assert "a comment needs one" in await refused("standing", {"kind": "comment", "operator": "Dana"}, 422)
    assert "operator" in await refused("standing", {"kind": "close", "operator": " "}, 422)
    assert "kind" in await refused("standing", SEEN | {"kind": "snooze"}, 422)
    assert "text" in await refused("standing", SEEN | {"text": "x" * 1001}, 422)
    keys = {"Idempotency-Key": "a"}
    assert "differs from" in await refused("standing", SEEN | {"action_id": "b"}, 422, headers=keys)
    await refused("standing", SEEN, 401, headers={"Authorization": "Bearer wrong"})
    monkeypatch.setattr(rule, "MAX_ACTIONS", 0)
    assert "takes no more" in await refused("standing", SEEN, 409)
    assert await published(world) == []
    assert (await client.get("/api/alerts/nothing")).status_code == 404


async def test_without_a_token_nobody_writes(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - the fixture's world
    async with start_gateway(world.platform) as url, httpx.AsyncClient(base_url=url) as stranger:
        assert (await stranger.post("/api/alerts/x/actions", json=SEEN)).status_code == 403


async def test_the_client_writes_advisories(url: str) -> None:
    async with GatewayClient(url, write_token="sesame") as gateway:  # noqa: S106 - as above
        new = NewAdvisory(advisory_type=AdvisoryType.EVENT, title="Game", affected_sensors=("405N-01",), id="game")
        made = await gateway.publish_advisory(new)
        assert (made.title, made.affected_sensors) == ("Game", ("405N-01",))
        assert await gateway.advisory(made.advisory_id) == made
        assert await gateway.advisories(advisory_type=AdvisoryType.EVENT) == [made]
        assert (await gateway.withdraw_advisory(made.advisory_id)).state is AdvisoryState.WITHDRAWN
        assert await gateway.advisories() == []
        assert len(await gateway.advisories(states=[AdvisoryState.WITHDRAWN, AdvisoryState.OVER])) == 1
        with pytest.raises(GatewayError, match="no JSON") as refused:
            await gateway.publish_document(b"{", feed="d7")
        assert refused.value.status == 422


async def test_the_client(url: str) -> None:
    async with GatewayClient(url, write_token="sesame") as gateway:  # noqa: S106 - as above
        action = await gateway.act("standing", AlertActionKind.COMMENT, "Dana", "tow truck sent")
        assert (action.operator, action.text) == ("Dana", "tow truck sent")
        assert (await gateway.alert("standing")).alert_id == "standing"
        assert [one.alert_id for one in await gateway.alerts(sensor_id="405N-01", acknowledged=False)] == [
            "over",
            "standing",
        ]
        assert await gateway.alerts(predicted=True) == []
        with pytest.raises(GatewayError, match="cleared already") as refused:
            await gateway.act("over", AlertActionKind.CLOSE, "Dana")
        assert refused.value.status == 409
        async for message in gateway.stream(channels=[Channel.ALERTS]):
            if isinstance(message, HeartbeatMessage):
                continue
            assert isinstance(message, AlertsMessage)
            if not message.data:
                continue  # the first push after the start may come before the alerts are on the board
            assert {one.alert_id: one.evidence for one in message.data} == {"over": (), "standing": ()}
            break
    async with GatewayClient(url) as stranger:
        with pytest.raises(GatewayError) as refused:
            await stranger.act("standing", AlertActionKind.CLOSE, "Dana")
        assert refused.value.status == 401


@pytest.mark.parametrize(
    "hostile", ["x\0y", "x\x1b]0;y", "\ud800", "x\u202ey", "\ufffe"], ids=["nul", "esc", "half", "bidi", "none"]
)
@pytest.mark.parametrize("field", ["operator", "text", "action_id"])
async def test_text_that_cannot_be_stored_or_shown_is_refused_by_field(
    client: httpx.AsyncClient, field: str, hostile: str
) -> None:
    body = json.dumps({"kind": "comment", "operator": "Dana", "text": "seen", field: hostile})
    answer = await client.post("/api/alerts/standing/actions", content=body, headers=JSON)
    assert answer.status_code == 422
    assert [fault["name"] for fault in answer.json()["errors"]] == [field]


async def test_text_is_taken_in_its_composed_form(client: httpx.AsyncClient) -> None:
    said = {"kind": "comment", "operator": "Rene\u0301", "text": "Straße β\n😀"}
    answer = await client.post("/api/alerts/standing/actions", json=said)
    assert (answer.status_code, answer.json()["operator"], answer.json()["text"]) == (202, "René", "Straße β\n😀")


@pytest.mark.parametrize(
    "path",
    [
        "/api/alerts/%00",
        "/api/alerts/%1B%5D",
        "/api/alerts?sensor_id=%00",
        "/api/alerts?network_id=x%E2%80%AEy",
        "/api/predictions?road_type=%7F",
        "/api/advisories/%00",
        "/api/history/aggregates?sensor_id=%00",
        "/api/history/aggregates?sensor_id=a&from=9999-12-31T23:59:59-12:00",
        "/api/history/predictions?sensor_id=a&to=0001-01-01T00:00:00%2B14:00",
    ],
)
async def test_no_such_text_gets_in_by_a_path_or_a_query(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422, answer.text
    assert len(answer.json()["errors"]) == 1


@pytest.mark.parametrize("name", ["\ud800", "x\x1b", "y" * 20_000])
async def test_an_unknown_field_is_named_as_far_as_it_can_be(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/api/alerts/standing/actions", content=json.dumps({**SEEN, name: 1}), headers=JSON)
    assert answer.status_code == 422
    assert len(answer.content) < 2_000
