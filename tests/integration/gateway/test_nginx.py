"""The gateway behind nginx with the recipe of `deploy/nginx`: what comes through, and what does not."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from metrla.local.launcher.plan import free_port
from tests.kit.nginx import NAME, NGINX, in_front_of
from tests.kit.until import until

pytestmark = [pytest.mark.integration, pytest.mark.skipif(NGINX is None, reason="no nginx here")]

SECRET = "sesame"  # noqa: S105 - of a gateway that lives for one test
PATIENCE_S = 30.0

Start = Callable[..., AbstractAsyncContextManager[str]]


class Behind:
    """A gateway behind nginx, as whoever trusts its certificate calls it."""

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        self.port, self.trust = port, trust
        self.client = httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trust, timeout=PATIENCE_S)

    async def ask(self, path: str, method: str = "GET", **given: Any) -> httpx.Response:  # noqa: ANN401 - passed on
        headers = {"Host": NAME, **given.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, extensions={"sni_hostname": NAME}, **given)

    def socket(self, **given: Any) -> connect:  # noqa: ANN401 - passed on
        # As a browser asks that finds the page at the usual port.
        given = {"origin": f"https://{NAME}", "additional_headers": {}} | given
        return connect(f"wss://{NAME}/ws/predictions", host="127.0.0.1", port=self.port, ssl=self.trust, **given)

    async def said_to(self, sent: bytes) -> str:
        """What comes back to the bytes of a request, up to the end of the answer's head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname=NAME)
        try:
            writer.write(sent)
            async with asyncio.timeout(PATIENCE_S):
                return (await reader.readuntil(b"\r\n\r\n")).decode()
        finally:
            writer.transport.abort()


@pytest.fixture
def behind(world: Any, start_gateway: Start, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Behind]]:  # noqa: ANN401 - the World of conftest.py
    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Behind]:  # noqa: ANN401 - any setting
        own = {"trusted_proxies": ("127.0.0.1",), "allowed_hosts": (NAME,), "write_token": SECRET} | settings
        port, folder = free_port(), tmp_path / "nginx"
        folder.mkdir()
        async with (
            start_gateway(world.platform, **own) as url,
            in_front_of(urlsplit(url).port or 0, port, folder) as certificate,
        ):
            there = Behind(port, ssl.create_default_context(cafile=str(certificate)))
            async with there.client:

                async def ready() -> bool:
                    return (await there.ask("/ready")).status_code == HTTPStatus.OK

                await until(ready, "the gateway is ready behind nginx", PATIENCE_S)
                yield there

    return start


Begin = Callable[..., AbstractAsyncContextManager[Behind]]


async def test_the_api_the_page_and_the_websocket_come_through(behind: Begin) -> None:
    async with behind() as there:
        answer = await there.ask("/api/networks")
        assert answer.status_code == 200
        assert answer.json()
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert (await there.ask("/")).status_code == 200
        moved = await there.ask("/live-map")
        assert moved.headers.get("location", "/").startswith("/")
        async with there.socket() as socket:
            while json.loads(await socket.recv())["type"] != "predictions_snapshot":
                pass
            await socket.send('{"type": "ping"}')
            while json.loads(await socket.recv())["type"] != "pong":
                pass
        for origin in ("https://evil.example", f"https://{NAME}.evil.example"):
            with pytest.raises(InvalidStatus) as refused:
                await there.socket(origin=origin).__aenter__()
            assert refused.value.response.status_code == 403


async def test_other_names_get_nothing(behind: Begin) -> None:
    async with behind() as there:
        for name in ("evil.example", "127.0.0.1"):
            answer = await there.said_to(f"GET /live HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert answer.split()[1] in {"400", "403", "404", "421"}
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", there.port, ssl=there.trust, server_hostname="127.0.0.1")


async def test_who_asks_is_what_nginx_saw_not_what_was_said(behind: Begin) -> None:
    async with behind(request_burst=5, requests_per_second=0.01) as there:
        said = ({"X-Forwarded-For": f"10.0.0.{number}", "X-Forwarded-Proto": "http"} for number in range(12))
        statuses = [(await there.ask("/api/alerts", headers=each)).status_code for each in said]
        assert statuses[-1] == 429
        # The gateway has counted its client's address, not nginx' own: whoever has a key goes on.
        assert (await there.ask("/api/alerts", headers={"Authorization": f"Bearer {SECRET}"})).status_code == 200


async def test_bodies_and_headers_have_limits_and_credentials_come_first(behind: Begin) -> None:
    token = {"Authorization": f"Bearer {SECRET}"}
    async with behind() as there:
        large = await there.ask("/api/alerts/x/actions", "POST", content=b"x" * 70_000, headers=token)
        assert large.status_code == 413
        head = f"POST /api/advisories HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n"
        huge = await there.said_to(f"{head}Content-Length: 40000000\r\n\r\n".encode())
        assert huge.split()[1] == "413"
        # It does not wait for the other 20 MB.
        stranger = await there.said_to(f"{head}Content-Length: 20000000\r\n\r\n{{".encode())
        assert stranger.split()[1] == "401"
        document = {"feed_info": {"version": "4.2"}, "type": "FeatureCollection", "features": []}
        body = json.dumps(document).encode() + b" " * 5_000_000
        taken = await there.ask(
            "/api/advisories", "POST", content=body, headers=token | {"Content-Type": "application/json"}
        )
        assert taken.status_code == 200, taken.text
        for lines in (f"X: {'x' * 20_000}", "\r\n".join(f"X-{number}: y" for number in range(5_000))):
            assert (await there.said_to(f"GET /live HTTP/1.1\r\nHost: {NAME}\r\n{lines}\r\n\r\n".encode())).split()[
                1
            ] == "400"
        assert (await there.ask("/live")).status_code == 200


async def test_whoever_holds_all_its_places_is_told_that_it_is_too_many(behind: Begin) -> None:
    """Of one address: the gateway sees a hundred that it waits for, and nginx no more."""
    lines = f"Host: {NAME}\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\nContent-Length: 9"
    async with behind(body_timeout_s=60.0) as there, AsyncExitStack() as stack:
        held = []
        for _ in range(102):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", there.port, ssl=there.trust, server_hostname=NAME
            )
            # A stream that is forgotten is closed.
            held.append((reader, writer))
            stack.callback(writer.transport.abort)
            writer.write(f"POST /api/advisories HTTP/1.1\r\n{lines}\r\n\r\n{{".encode())

        async def refused() -> bool:
            return (await there.ask("/live")).status_code == HTTPStatus.TOO_MANY_REQUESTS

        await until(refused, "a hundred and first request is refused", PATIENCE_S)


async def test_figures_and_what_looks_like_them_are_not_for_the_world(behind: Begin) -> None:
    async with behind() as there:
        for path in ("/metrics", "/%6detrics", "//metrics", "/x/../metrics", "/metrics?x=1", "/metrics/", "/metrics;x"):
            said = await there.said_to(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
            assert (path, said.split()[1] in {"404", "400", "307"}) == (path, True)
