"""A gateway asked over HTTP: byte by byte, as no client library asks, or one request at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.kit.until import until

PATIENCE_S = 20.0


@asynccontextmanager
async def opened(url: str, sent: bytes = b"") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(sent)
        yield reader, writer
    finally:
        writer.transport.abort()
        # The transport closes its socket in the next turn of the loop.
        await asyncio.sleep(0)


async def answered(url: str, sent: bytes) -> str:
    """Everything that the gateway says to `sent`, until it closes."""
    async with opened(url) as (reader, writer):
        try:
            writer.write(sent)
            await writer.drain()
        except ConnectionError:
            pass
        said = bytearray()
        async with asyncio.timeout(PATIENCE_S):
            try:
                while piece := await reader.read(65536):
                    said += piece
            except ConnectionError:
                pass
        return said.decode()


def status_of(text: str) -> int:
    return int(text.split(" ", 2)[1])


async def ask(url: str, path: str, **given: Any) -> httpx.Response:  # noqa: ANN401 - passed on
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        return await client.get(path, **given)


async def until_ready(url: str) -> None:
    """Before its view is complete, a gateway answers 503 whoever asks, and sends no snapshot."""

    async def ready() -> bool:
        return (await ask(url, "/ready")).status_code == HTTPStatus.OK

    await until(ready, f"{url} is ready", PATIENCE_S)
