"""Feeds that lead elsewhere, never end or never come."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from metrla.data import web
from metrla.data.web import FetchError, fetch_document

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def feed(*answers: Answer) -> AsyncIterator[str]:
    """A server that gives one answer after the other; its URL."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await (left.pop(0) if len(left) > 1 else left[0])(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"


def redirect(place: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    return answer


def document(text: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        await writer.drain()

    return answer


async def trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(500):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


def one_page(_: bytes) -> None:
    """No page names another."""


@pytest.mark.parametrize(
    "place",
    [
        "http://localhost:1/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "//evil.example/feed",
        "http://[::1]/feed",
        "file:///etc/passwd",
        "http://127.0.0.1:1/feed",
        "ftp://127.0.0.1/feed",
    ],
)
async def test_a_redirect_to_elsewhere_is_refused(place: str) -> None:
    async with feed(redirect(place)) as url:
        with pytest.raises(FetchError, match="redirected to"):
            await fetch_document(url, one_page)


async def test_a_redirect_on_the_same_host_is_followed_but_not_for_ever() -> None:
    async with feed(redirect("/moved"), document(b"{}")) as url:
        assert (await fetch_document(url, one_page)).data == (b"{}",)
    async with feed(redirect("/again")) as url:
        with pytest.raises(FetchError, match="redirects"):
            await fetch_document(url, one_page)


async def test_a_feed_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "DEADLINE_S", 2.0)
    async with feed(trickle) as url:
        with pytest.raises(FetchError, match="fewer than 1024 bytes a second"):
            await fetch_document(url, one_page)
    monkeypatch.setattr(web, "LEAST_BYTES_PER_SECOND", 0)
    async with feed(trickle) as url:
        with pytest.raises(FetchError, match="not complete within 2 s"):
            await fetch_document(url, one_page)
