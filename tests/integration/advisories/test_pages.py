"""Feeds in pages over HTTP: all of them are read or nothing is withdrawn; figures of a feed that is watched."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from aiohttp import web

from metrla.cli.advising.importer import Importer, import_places
from metrla.data.web import MAX_PAGES, Document, FetchError, Pages, fetch_pages
from metrla.local.devbroker import DevBroker
from shared.alerts.advisories.documents.paging import next_url
from shared.runtime.clock import wall_clock
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

NETWORK = load_network(EXAMPLE_NETWORK)
NOW = datetime.now(UTC).replace(microsecond=0)
Answer = Callable[[web.Request], web.StreamResponse]


def event(name: str) -> dict[str, Any]:
    here = NETWORK.carriageways["I-405 N"][1]
    return {
        "id": name, "status": "ACTIVE", "headline": name, "event_type": "CONSTRUCTION", "severity": "MINOR",
        "updated": NOW.isoformat(), "geography": {"type": "Point", "coordinates": [here.longitude, here.latitude]},
        "roads": [{"name": "I-405", "direction": "N", "lanes_closed": 2}],
        "schedule": {"intervals": [f"{NOW.isoformat()}/{(NOW + timedelta(days=1)).isoformat()}"]},
    }  # fmt: skip


@dataclass
class Server:
    """A feed in pages of one event; what each page answers can be replaced."""

    url: str = ""
    names: list[str] = field(default_factory=lambda: ["a", "b", "c"])
    answers: dict[int, Answer] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def document(self, number: int, following: str | None = "") -> dict[str, Any]:
        last = number + 1 >= len(self.names)
        told = (None if last else f"/feed?page={number + 1}") if following == "" else following
        return {"events": [event(self.names[number])], "pagination": {"offset": "0", "next_url": told}}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("page", "0"))
        self.asked.append(number)
        if (other := self.answers.get(number)) is not None:
            return other(request)
        body = json.dumps(self.document(number))
        tag = f'"{hash(body)}"'
        same = request.headers.get("If-None-Match") == tag
        return web.Response(status=304) if same else web.Response(text=body, headers={"ETag": tag})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_get("/feed", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed"
    yield made
    await runner.cleanup()


async def fetched(url: str) -> Pages:
    async with httpx.AsyncClient(timeout=10) as client:
        return await fetch_pages(client, url, next_url)


async def test_all_pages_are_read_and_only_changes_again(server: Server) -> None:
    async with httpx.AsyncClient(timeout=10) as client:
        pages = await fetch_pages(client, server.url, next_url)
        assert [json.loads(data)["events"][0]["id"] for data in pages.data] == ["a", "b", "c"]
        assert pages.left is None
        server.names = ["a", "b", "d"]
        again = await fetch_pages(client, server.url, next_url, pages.documents)
    assert [json.loads(data)["events"][0]["id"] for data in again.data] == ["a", "b", "d"]
    assert again.data[0] is pages.data[0], "the first page is not read again"


@pytest.mark.parametrize(
    ("following", "left"),
    [
        ("http://127.0.0.1:1/feed?page=2", "its page 3 is on another server"),
        ("https://elsewhere.example/feed", "its page 3 is on another server"),
        ("file:///etc/passwd", "its page 3 is on another server"),
        ("//elsewhere.example/feed", "its page 3 is on another server"),
        ("http://[broken/feed", "the address of its page 3 is none"),
        ("/feed", "its pages go in a circle"),
    ],
)
async def test_pages_elsewhere_or_in_a_circle_are_left(server: Server, following: str, left: str) -> None:
    body = json.dumps(server.document(1, following))
    server.answers[1] = lambda _: web.Response(text=body)
    pages = await fetched(server.url)
    assert (len(pages.documents), pages.left) == (2, left)


async def test_endless_pages_end(server: Server) -> None:
    server.names = [f"event {number}" for number in range(MAX_PAGES + 10)]
    pages = await fetched(server.url)
    assert (len(pages.documents), pages.left) == (MAX_PAGES, f"it has more than {MAX_PAGES} pages")


async def test_a_link_header_leads_on(server: Server) -> None:
    first = json.dumps(server.document(0, None))
    headers = {"Link": '</feed?page=1>; rel="next"'}
    server.answers[0] = lambda _: web.Response(text=first, headers=headers)
    assert len((await fetched(server.url)).documents) == 3


def cut(_: web.Request) -> web.StreamResponse:
    return web.Response(text="{", headers={"Content-Length": "1000"})


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(status=500),
        lambda _: web.Response(status=206, text='{"events": []}'),
        lambda _: web.Response(status=204),
        lambda _: web.Response(status=202, text='{"events": []}'),
        cut,
    ],
)
async def test_a_page_that_fails_fails_the_feed(server: Server, answer: Answer) -> None:
    server.answers[1] = answer
    with pytest.raises(FetchError):
        await fetched(server.url)


async def test_a_part_of_a_feed_withdraws_nothing(server: Server) -> None:
    async with DevBroker() as broker:
        run = partial(import_places, broker.bootstrap_servers, [NETWORK], [server.url], None, dry_run=False)
        (first,) = await run(complete=True)
        assert first.outcome is not None
        assert (first.outcome.new, first.outcome.partial) == (3, None)
        assert len(first.outcome.unread) == 3
        body = json.dumps(server.document(0, "https://elsewhere.example/"))
        server.answers[0] = lambda _: web.Response(text=body)
        (part,) = await run(complete=True)
        assert part.outcome is not None
        assert (part.outcome.withdrawn, part.outcome.partial) == (0, "its page 2 is on another server")
        server.answers[0] = lambda _: web.Response(status=503)
        (failed,) = await run(complete=True)
        assert failed.outcome is None
        server.answers.clear()
        server.names = ["a"]
        (whole,) = await run(complete=True)
        assert whole.outcome is not None
        assert (whole.outcome.withdrawn, whole.outcome.partial) == (2, None)


async def test_a_watched_feed_has_figures(server: Server) -> None:
    async with DevBroker() as broker:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "metrla", "advisories", "watch", server.url, "--every", "1s", "--verbose",
            "--metrics-port", "0", "--network", str(EXAMPLE_NETWORK),
            "--bootstrap-servers", broker.bootstrap_servers,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        said = ""
        while "also says" not in said:
            said += (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.search(r"http://\S+/metrics", said)
        assert found, said
        async with httpx.AsyncClient() as client:
            figures = (await client.get(found[0])).text
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    assert "3 features say more than is read (roads.lanes_closed)" in said
    assert "feature 0 (a) also says roads.lanes_closed" in said
    for figure in ("features 3.0", "unread_features 3.0", "partial 0.0", "published_total 3.0", "failures_total 0.0"):
        assert f"metrla_advisories_{figure}" in figures


async def test_an_importer_reads_the_pages_of_a_file_as_what_they_are() -> None:
    importer = Importer([NETWORK], {}, None, wall_clock)
    page = json.dumps({"events": [event("a")], "pagination": {"next_url": "/feed?page=1"}}).encode()
    outcome = await importer.take(Pages({"page.json": Document(page)}), "page.json", complete=True)
    assert outcome.partial == "it goes on at another address"
