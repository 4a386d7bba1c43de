"""`metrla advisories watch`: only changes are read, trouble is waited out, what disappeared is withdrawn."""

import asyncio
import json
import signal
import sys
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from metrla.cli.advising.importer import Importer, watch
from metrla.local.devbroker import DevBroker
from shared.alerts.advisories.documents.importing import ImportResult
from shared.events.records import TrafficAdvisory
from shared.kafka.admin import ensure_topics
from shared.kafka.advisories import read_newest
from shared.kafka.producer import open_producer
from shared.runtime.clock import wall_clock
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.until import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

NETWORK = load_network(EXAMPLE_NETWORK)
NOW = datetime.now(UTC).replace(microsecond=0)


def work_zone(name: str) -> dict[str, Any]:
    here = NETWORK.carriageways["I-405 N"][1]
    return {
        "type": "Feature",
        "id": name,
        "properties": {
            "core_details": {
                "data_source_id": "d7", "event_type": "work-zone", "road_names": ["I-405"], "direction": "northbound",
            },
            "start_date": NOW.isoformat(),
            "end_date": (NOW + timedelta(days=1)).isoformat(),
            "vehicle_impact": "all-lanes-open",
        },
        "geometry": {"type": "MultiPoint", "coordinates": [[here.longitude, here.latitude]] * 2},
    }  # fmt: skip


@dataclass
class Server:
    """A feed that can change, be unchanged, fail or talk nonsense."""

    url: str = ""
    features: list[Any] = field(default_factory=list)
    broken: int = 0
    answers: list[int] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if self.broken:
            self.answers.append(self.broken)
            return web.Response(status=self.broken) if self.broken != 200 else web.Response(text="<html>")
        body = json.dumps({"feed_info": {"version": "4.2"}, "type": "FeatureCollection", "features": self.features})
        tag = f'"{zlib.crc32(body.encode())}"'
        same = request.headers.get("If-None-Match") == tag
        self.answers.append(304 if same else 200)
        return web.Response(status=304) if same else web.Response(text=body, headers={"ETag": tag})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server(features=[work_zone("a"), work_zone("b")])
    application = web.Application()
    application.router.add_get("/feed", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed?api_key=secret&area=la"
    yield made
    await runner.cleanup()


def more_than(seen: Sequence[str], count: int) -> bool:
    return len(seen) > count


async def test_a_feed_is_followed(server: Server) -> None:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        outcomes: list[ImportResult] = []
        faults: list[str] = []
        stop = asyncio.Event()

        async def valid() -> dict[str, TrafficAdvisory]:
            newest = await read_newest(broker.bootstrap_servers, "test")
            return {known.publisher_id: known for known in newest.values() if not known.withdrawn}

        async with open_producer(broker.bootstrap_servers, "test") as producer:
            desk = Importer([NETWORK], {}, producer, wall_clock)
            watching = asyncio.create_task(
                watch(server.url, 0.05, desk, stop, outcomes.append, lambda fault, _: faults.append(fault))
            )

            await until(lambda: server.answers.count(304) >= 3, "three looks at what has not changed")
            assert [outcome.new for outcome in outcomes] == [2], "what has not changed is not read again"
            assert set(await valid()) == {"a", "b"}
            assert {known.feed for known in (await valid()).values()} == {server.url.replace("api_key=secret&", "")}
            for status in (503, 200):
                server.broken = status
                seen = len(faults)
                await until(partial(more_than, faults, seen), "a fault is told")
            assert set(await valid()) == {"a", "b"}, "a feed that is down takes nothing back"
            assert "secret" not in "".join(faults)
            server.broken, server.features = 0, [work_zone("b"), work_zone("c")]

            await until(lambda: len(outcomes) >= 2, "the change is imported")
            assert set(await valid()) == {"b", "c"}
            assert (outcomes[1].new, outcomes[1].unchanged, outcomes[1].withdrawn) == (1, 1, 1)
            stop.set()
            await asyncio.wait_for(watching, 30)


async def test_the_command_ends_on_ctrl_c(server: Server) -> None:
    async with DevBroker() as broker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "metrla", "advisories", "watch", server.url, "--every", "1s",
            "--network", str(EXAMPLE_NETWORK), "--bootstrap-servers", broker.bootstrap_servers,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

        await until(lambda: 304 in server.answers, "a look at what has not changed")
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    assert "2 construction" in out.decode()
    assert "secret" not in out.decode()
    assert b"Traceback" not in err
