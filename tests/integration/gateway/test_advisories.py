"""Advisories over the API: single ones, documents, who may write, what is refused."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.runtime.settings import PlatformSettings
from shared.traffic.network import Network
from tests.kit.advisories import CAP

pytestmark = pytest.mark.integration

TOKEN = {"Authorization": "Bearer sesame"}
Start = Callable[..., AbstractAsyncContextManager[str]]
Until = Callable[..., Awaitable[httpx.Response]]
NOW = datetime.now(UTC).replace(microsecond=0)


def ready(answer: httpx.Response) -> bool:
    return answer.status_code == 200


@pytest.fixture
async def client(world: Any, start_gateway: Start, until_answer: Until) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ANN401 - the fixture's world
    async with (
        start_gateway(world.platform, write_token=TOKEN["Authorization"].removeprefix("Bearer ")) as url,
        httpx.AsyncClient(base_url=url, headers=TOKEN) as client,
    ):
        await until_answer(client, "/ready", ready)
        yield client


def work_zone(network: Network, number: int, **changes: object) -> dict[str, Any]:
    here = network.sensors[number % 6]
    direction = {"N": "northbound", "S": "southbound", "E": "eastbound", "W": "westbound"}[here.direction]
    return {
        "type": "Feature",
        "id": f"wz-{number}",
        "properties": {
            "core_details": {
                "data_source_id": "d7",
                "event_type": "work-zone",
                "road_names": [here.freeway],
                "direction": direction,
                "name": f"Paving {number}",
            },
            "start_date": (NOW - timedelta(hours=1)).isoformat(),
            "end_date": (NOW + timedelta(hours=5)).isoformat(),
            "vehicle_impact": "some-lanes-closed",
        },
        "geometry": {
            "type": "MultiPoint",
            "coordinates": [[here.longitude, here.latitude], [here.longitude + 1e-4, here.latitude]],
        },
    } | changes


def feed(*features: object) -> dict[str, Any]:
    return {"feed_info": {"version": "4.2", "publisher": "D7"}, "type": "FeatureCollection", "features": list(features)}


async def test_one_advisory_from_post_to_withdrawal(client: httpx.AsyncClient, network: Network) -> None:
    here = network.sensors[0]
    body = {
        "advisory_type": "event",
        "title": "Game at the stadium",
        "severity": "high",
        "latitude": here.latitude,
        "longitude": here.longitude,
        "road": here.freeway,
        "direction": here.direction,
        "ends_at": (NOW + timedelta(hours=3)).isoformat(),
        "id": "game-1",
    }
    made = await client.post("/api/advisories", json=body)
    assert made.status_code == 201
    advisory = made.json()
    assert advisory["affected_sensors"] == [here.sensor_id]
    assert advisory["state"] == "now"
    assert (await client.get(made.headers["Location"])).json() == advisory
    again = await client.post("/api/advisories", json=body | {"title": "Game, longer"})
    assert again.json()["advisory_id"] == advisory["advisory_id"]
    (listed,) = (await client.get("/api/advisories", params={"advisory_type": "event"})).json()
    assert listed["title"] == "Game, longer"
    gone = await client.delete(f"/api/advisories/{advisory['advisory_id']}")
    assert (gone.status_code, gone.json()["state"]) == (200, "withdrawn")
    assert (await client.get("/api/advisories")).json() == []
    assert len((await client.get("/api/advisories", params={"state": "withdrawn"})).json()) == 1


async def test_a_document_accounts_for_every_feature(client: httpx.AsyncClient, network: Network) -> None:
    far = work_zone(network, 3, geometry={"type": "MultiPoint", "coordinates": [[-100.0, 40.0], [-100.0, 40.1]]})
    document = feed(work_zone(network, 0), work_zone(network, 1), work_zone(network, 2, geometry=None), far)
    receipt = (await client.post("/api/advisories", json=document)).json()
    assert (receipt["format"], receipt["features"], receipt["advisories"], receipt["published"]) == ("wzdx", 4, 2, 2)
    assert [(each["index"], each["publisher_id"]) for each in receipt["rejected"]] == [(2, "wz-2")]
    assert receipt["rejected"][0]["reason"] == "geometry: there is none"
    assert (receipt["rejected_count"], receipt["unmatched_count"]) == (1, 1)
    assert [each["index"] for each in receipt["unmatched"]] == [3]
    again = (await client.post("/api/advisories", content=json.dumps(document))).json()
    assert (again["published"], again["unchanged"]) == (0, 2)
    assert again["advisory_ids"] == receipt["advisory_ids"]


async def test_of_many_faults_the_first_are_listed_and_all_are_counted(
    client: httpx.AsyncClient, network: Network
) -> None:
    bad = [work_zone(network, number, geometry=None) for number in range(1, 1_001)]
    answer = await client.post("/api/advisories", json=feed(work_zone(network, 0), *bad))
    receipt = answer.json()
    assert (receipt["published"], receipt["rejected_count"]) == (1, 1_000)
    assert [each["index"] for each in receipt["rejected"]] == list(range(1, 101))
    assert len(answer.content) < 32_000


async def test_a_complete_feed_withdraws_what_it_leaves_out(client: httpx.AsyncClient, network: Network) -> None:
    url = "/api/advisories?feed=d7&complete=true"
    await client.post(url, json=feed(work_zone(network, 0), work_zone(network, 1)))
    assert (await client.post(url, json=feed(work_zone(network, 1)))).json()["withdrawn"] == 1
    (left,) = (await client.get("/api/advisories")).json()
    assert left["publisher_id"] == "wz-1"


async def test_a_page_of_a_feed_withdraws_nothing_and_says_why(client: httpx.AsyncClient, network: Network) -> None:
    url = "/api/advisories?feed=d7&complete=true"
    await client.post(url, json=feed(work_zone(network, 0), work_zone(network, 1)))
    page = feed(work_zone(network, 1)) | {"numberMatched": 2}
    page["features"][0]["properties"]["lanes"] = [{"order": 1}]
    receipt = (await client.post(url, json=page)).json()
    assert (receipt["withdrawn"], receipt["partial"]) == (0, "it has 1 of 2 features")
    assert receipt["unread"] == [{"index": 0, "publisher_id": "wz-1", "fields": ["properties.lanes"]}]
    assert len((await client.get("/api/advisories")).json()) == 2


async def test_an_alert_of_zones_has_a_place_by_the_table(
    world: Any,  # noqa: ANN401 - the fixture's world
    start_gateway: Start,
    until_answer: Until,
    network: Network,
    tmp_path: Path,
) -> None:
    here = network.sensors[0]
    ring = [[here.longitude + x, here.latitude + y] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    zone = {"type": "Feature", "id": "CAZ364", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    table = tmp_path / "zones.geojson"
    table.write_text(json.dumps({"type": "FeatureCollection", "features": [zone]}))
    async with (
        start_gateway(world.platform, write_token="sesame", zones=table) as url,  # noqa: S106 - of a gateway that lives as long as the test
        httpx.AsyncClient(base_url=url, headers=TOKEN) as client,
    ):
        await until_answer(client, "/ready", ready)
        receipt = await client.post("/api/advisories", content=CAP.encode())
        assert receipt.status_code == 200
        assert receipt.json()["published"] == 1
        (found,) = (await client.get("/api/advisories?state=now&state=later&state=over")).json()
        assert len(found["affected_sensors"]) == len(network.sensors)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "no JSON"),
        (b"<rss/>", "no `alert` element"),
        (b"{}", "neither WZDx"),
        (b'{"advisory_type": "event", "title": ""}', "title"),
        (b'{"advisory_type": "incident", "title": "x", "latitude": 1, "longitude": 1}', "advisory_type"),
        (b'{"advisory_type": "event", "title": "x"}', "a place is needed"),
        (b'{"advisory_type": "event", "title": "x", "latitude": 1, "longitude": 1}', "touches no sensor"),
        (b'{"advisory_type": "event", "title": "x", "affected_sensors": ["nobody"]}', "has no nobody"),
        (json.dumps(feed({}, {"id": "b"})).encode(), "feature 1 (b)"),
    ],
)
async def test_what_cannot_be_used_is_a_problem(client: httpx.AsyncClient, body: bytes, said: str) -> None:
    answer = await client.post("/api/advisories", content=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in json.dumps(answer.json())


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        ({"severty": "high"}, "severty", "did you mean severity?"),
        ({"titel": "x"}, "titel", "did you mean title?"),
        ({"geometry": {"type": "Circle", "coordinates": []}}, "geometry.type", ""),
        ({"direction": "Q"}, "direction", "'Q' is none of N, E, S, W"),
        ({"latitude": 34.0}, "advisory", "latitude and longitude come together"),
        ({"affected_sensors": ["nobody"]}, "affected_sensors", "has no nobody"),
        ({"starts_at": 1784600000}, "starts_at", "ISO 8601"),
        ({"ends_at": "1784600000"}, "ends_at", "ISO 8601"),
    ],
)
async def test_a_faulty_advisory_is_refused_by_the_field_that_is_meant(
    client: httpx.AsyncClient, network: Network, given: dict[str, Any], name: str, said: str
) -> None:
    good = {"advisory_type": "event", "title": "Game", "affected_sensors": [network.sensors[0].sensor_id]}
    refusal = (await client.post("/api/advisories", json=good | given)).json()
    (fault,) = refusal["errors"]
    assert fault["name"] == name
    assert said in fault["detail"]
    assert refusal["detail"].startswith(f"{name}: ")


async def test_a_refusal_is_bounded_whatever_is_wrong(client: httpx.AsyncClient) -> None:
    document = await client.post("/api/advisories", json=feed(*({"id": f"f{number}"} for number in range(5000))))
    strangers = {"advisory_type": "event", "title": "Game", "affected_sensors": [1] * 9000}
    for answer in (document, await client.post("/api/advisories", json=strangers)):
        assert answer.status_code == 422
        assert len(answer.content) < 64 * 1024
        assert len(answer.json()["errors"]) <= 100
    assert "And 4995 more." in document.json()["detail"]


async def test_a_compressed_body_is_refused_as_such(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/advisories", content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert "Content-Encoding" in answer.json()["detail"]
    assert (
        await client.post("/api/advisories", content=b"{}", headers={"Content-Encoding": "identity"})
    ).status_code == 422
    twice = await client.post("/api/advisories?feed=x&feed=y", content=b"{}")
    assert [fault["name"] for fault in twice.json()["errors"]] == ["feed"]


async def test_who_may_write(world: Any, client: httpx.AsyncClient, start_gateway: Start) -> None:  # noqa: ANN401 - the fixture's world
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": "Basic c2VzYW1l"}):
        answer = await client.post("/api/advisories", content=b"{}", headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    platform: PlatformSettings = world.platform
    async with start_gateway(platform) as url, httpx.AsyncClient(base_url=url) as stranger:
        for answer in (await stranger.post("/api/advisories"), await stranger.delete("/api/advisories/x")):
            assert answer.status_code == 403
            assert "METRLA_GATEWAY_WRITE_TOKEN" in answer.json()["detail"]


async def test_there_is_none_of_that_name(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/advisories/x")).status_code == 404
    assert (await client.delete("/api/advisories/x")).status_code == 404


async def test_a_gateway_that_starts_later_knows_them_too(
    world: Any,  # noqa: ANN401 - the fixture's world
    client: httpx.AsyncClient,
    network: Network,
    start_gateway: Start,
    until_answer: Until,
) -> None:
    await client.post("/api/advisories", json=feed(work_zone(network, 0)))
    (known,) = (await client.get("/api/advisories")).json()
    await client.post("/api/advisories", json=feed(work_zone(network, 1)))
    await client.delete(f"/api/advisories/{known['advisory_id']}")
    async with start_gateway(world.platform) as url, httpx.AsyncClient(base_url=url) as other:
        await until_answer(other, "/ready", ready)
        (left,) = (await other.get("/api/advisories")).json()
        assert left["publisher_id"] == "wz-1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x\0y"),
        ("title", "x\x1b]0;y\x07"),
        ("description", "\ud800"),
        ("source", "x\u202ey"),
        ("id", "x\0"),
        ("road", "\0"),
        ("network_id", "\x7f"),
        ("ends_at", "9999-12-31T23:59:59-12:00"),
        ("starts_at", "0001-01-01T00:00:00+14:00"),
        ("ends_at", "2200-06-01T00:00:00Z"),
    ],
)
async def test_an_advisory_that_could_not_be_stored_or_computed_is_refused_by_field(
    client: httpx.AsyncClient, network: Network, field: str, value: str
) -> None:
    here = network.sensors[0]
    body = {"advisory_type": "event", "title": "Game", "affected_sensors": [here.sensor_id], field: value}
    answer = await client.post("/api/advisories", content=json.dumps(body))
    assert answer.status_code == 422, answer.text
    assert [fault["name"] for fault in answer.json()["errors"]] == [field]


async def test_a_document_is_cleaned_and_its_ids_are_not(client: httpx.AsyncClient, network: Network) -> None:
    dirty = work_zone(network, 1)
    dirty["properties"]["core_details"] |= {
        "name": "Paving\0 \x1b]0;x\x07night",
        "description": "e\u0301\n\ud83d\ude00",
    }
    bad = work_zone(network, 2, id="wz\x1b2")
    answer = await client.post("/api/advisories?feed=d7", content=json.dumps(feed(dirty, bad)))
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert [fault["index"] for fault in receipt["rejected"]] == [1]
    assert "\x1b" not in answer.text
    shown = (await client.get(f"/api/advisories/{receipt['advisory_ids'][0]}")).json()
    assert (shown["title"], shown["description"].partition("\n\n")[0]) == ("Paving ]0;xnight", "é\n😀")
