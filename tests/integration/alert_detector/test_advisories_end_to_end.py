"""Published files through `metrla advisories import` to the API, the WebSocket and the store: all three types.

The alert detector and the gateway are the real processes, the broker is the embedded one.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from metrla.local.devbroker import DevBroker
from shared.events.avro import encode
from shared.events.records import TrafficAlert
from shared.events.topics import AGGREGATES
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.processes import Services
from tests.kit.windows import processed_window

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
DEADLINE_S = 120.0
TOKEN = "sesame"  # noqa: S105 - of a gateway that lives as long as the test
HERE = NETWORK.carriageways["I-405 N"][2]


def at(step: float) -> str:
    return (START + step * WINDOW).isoformat()


def wzdx(step_from: float, step_to: float) -> bytes:
    feature = {
        "type": "Feature",
        "id": "night-paving",
        "properties": {
            "core_details": {
                "data_source_id": "d7",
                "event_type": "work-zone",
                "road_names": ["Interstate 405"],
                "direction": "northbound",
                "name": "Paving",
                "update_date": at(0),
            },
            "start_date": at(step_from),
            "end_date": at(step_to),
            "vehicle_impact": "some-lanes-closed",
        },
        "geometry": {
            "type": "LineString",
            "coordinates": [[HERE.longitude, HERE.latitude - 0.002], [HERE.longitude, HERE.latitude + 0.002]],
        },
    }
    document = {"feed_info": {"publisher": "Caltrans", "version": "4.2"}, "type": "FeatureCollection"}
    return json.dumps(document | {"features": [feature, {"type": "Feature"}]}).encode()


def open511(step_from: float, step_to: float) -> bytes:
    event = {
        "id": "la/game",
        "status": "ACTIVE",
        "headline": "Game",
        "event_type": "SPECIAL_EVENT",
        "severity": "MINOR",
        "created": at(0),
        "updated": at(0),
        "geography": {"type": "Point", "coordinates": [HERE.longitude, HERE.latitude]},
        "roads": [{"name": "I-405", "direction": "S"}],
        "schedule": {"intervals": [f"{at(step_from)}/{at(step_to)}"]},
    }
    return json.dumps({"events": [event]}).encode()


def cap(step_from: float, step_to: float) -> bytes:
    return f"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>urn:oid:1</identifier>
      <sender>nws</sender><sent>{at(0)}</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
      <info><category>Met</category><event>Flood Warning</event><urgency>Immediate</urgency><severity>Severe</severity>
      <certainty>Likely</certainty><onset>{at(step_from)}</onset><expires>{at(step_to)}</expires>
      <senderName>NWS Los Angeles</senderName><area><areaDesc>All of it</areaDesc>
      <polygon>33,-119.5 33,-117 35,-117 35,-119.5 33,-119.5</polygon></area></info></alert>""".encode()


SETTINGS = {
    "METRLA_GATEWAY_PORT": "0",
    "METRLA_GATEWAY_WRITE_TOKEN": TOKEN,
    "METRLA_GATEWAY_PUSH_INTERVAL_S": "0.2",
    "METRLA_ALERT_DETECTOR_SETTLE_SECONDS": "0.5",
}


class Stack(Services):
    """The processes and what they share."""

    @property
    def url(self) -> str:
        return self.running("gateway").url

    async def import_(self, *files: Path) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "metrla", "advisories", "import", *map(str, files), "--json",
            env=self.environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0
        return {each["format"]: each for each in json.loads(out)}

    async def feed(self, steps: Sequence[int], slow: frozenset[str] = frozenset()) -> None:
        messages = []
        for step in steps:
            for sensor in NETWORK.sensors:
                speed = 15.0 if sensor.sensor_id in slow else 64.0
                window = processed_window(NETWORK.network_id, sensor.sensor_id, START + step * WINDOW, speed)
                messages.append(Message(AGGREGATES.name, NETWORK.network_id.encode(), encode(window)))
        await self.produce(messages)

    async def alerts(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The advisory alerts of `GET /api/alerts` by type, as soon as they are as they should be."""
        found: dict[str, Any] = {}

        async def there() -> bool:
            nonlocal found
            with suppress(httpx.TransportError):
                answer = (await client.get("/api/alerts", params={"limit": 200})).json()
                found = {alert["alert_type"]: alert for alert in answer if alert["alert_type"] != "congestion"}
                return holds(found)
            return False

        async with httpx.AsyncClient(base_url=self.url) as client:
            await self.until(there, lambda: f"other alerts than {found}", DEADLINE_S)
        return found

    def stored(self) -> dict[str, TrafficAlert]:
        store = open_store(self.store_url)
        try:
            return {alert.alert_id: alert for alert in store.alerts()}
        finally:
            store.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Stack(broker, tmp_path, settings=SETTINGS) as stack:
            await stack.start("alert_detector")
            gateway = await stack.start("gateway")
            await gateway.until_ready("/live")
            yield stack


def standing(*types: str) -> Callable[[dict[str, Any]], bool]:
    """Whether exactly these types stand."""
    return lambda found: {kind for kind, alert in found.items() if alert["status"] != "cleared"} == set(types)


async def test_files_become_alerts_everywhere(stack: Stack) -> None:
    files = {"wzdx": wzdx(2, 12), "open511": open511(3, 20), "cap": cap(4, 30)}
    for name, data in files.items():
        (stack.folder / name).write_bytes(data)
    receipts = await stack.import_(*(stack.folder / name for name in files))
    assert {name: (each["published"], len(each["rejected"])) for name, each in receipts.items()} == {
        "wzdx": (1, 1), "open511": (1, 0), "cap": (1, 0),
    }  # fmt: skip
    again = await stack.import_(*(stack.folder / name for name in files))
    assert all(each["published"] == 0 and each["unchanged"] == 1 for each in again.values())

    await stack.feed(range(2))
    raised = await stack.alerts(standing("construction"))
    assert raised["construction"]["affected_sensors"] == [HERE.sensor_id]
    await stack.feed(range(2, 5))
    found = await stack.alerts(standing("construction", "event", "weather"))
    assert found["weather"]["severity"] == "high"
    assert len(found["weather"]["affected_sensors"]) == len(NETWORK.sensors)
    assert found["event"]["location"].startswith("I-405 S")

    seen: set[str] = set()
    async with connect(f"{stack.url.replace('http', 'ws')}/ws/predictions") as stream:
        await stream.send(json.dumps({"type": "subscribe", "channels": ["alerts"]}))
        async with asyncio.timeout(60):
            while not {"construction", "event", "weather"} <= seen:
                message = json.loads(await stream.recv())
                if message["type"].startswith("alerts_"):
                    seen |= {alert["alert_type"] for alert in message["data"]}

    await stack.feed(range(5, 9), slow=frozenset({HERE.sensor_id}))
    found = await stack.alerts(lambda found: found["construction"]["status"] == "updated")
    assert "confirmed by 1 of 1 sensors" in found["construction"]["message"]
    assert found["construction"]["severity"] == "critical"

    await stack.running("alert_detector").kill()
    await stack.feed(range(9, 12))
    await stack.start("alert_detector")
    found = await stack.alerts(standing("event", "weather"))
    assert found["construction"]["cleared_at"].startswith((START + 12 * WINDOW).isoformat().removesuffix("+00:00"))

    async with httpx.AsyncClient(base_url=stack.url) as client:
        (weather,) = (await client.get("/api/advisories", params={"advisory_type": "weather"})).json()
        gone = await client.delete(
            f"/api/advisories/{weather['advisory_id']}", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert gone.status_code == 200
    found = await stack.alerts(standing("event"))
    assert found["weather"]["message"].startswith("Withdrawn by NWS Los Angeles")

    # The log is written first and the store behind it, so the gateway may tell a change before the store has it.
    kinds = {"construction", "event", "weather"}

    def told() -> dict[str, str]:
        return {str(one.alert_type): str(one.status) for one in stack.stored().values() if one.alert_type in kinds}

    await stack.until(
        lambda: told() == {kind: found[kind]["status"] for kind in kinds}, lambda: f"the store tells {told()}"
    )
    stored = {alert.alert_type: alert for alert in stack.stored().values()}
    for kind in ("construction", "event", "weather"):
        assert stored[kind].alert_id == found[kind]["alert_id"]  # type: ignore[index]  # a StrEnum is its value
        assert stored[kind].status == found[kind]["status"]  # type: ignore[index]  # likewise
    assert len({alert.alert_id for alert in stack.stored().values() if alert.alert_type != "congestion"}) == 3
