"""The gateway as strangers find it: limits at the door, keys, hosts, and that floods do not reach others."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.gateway.access.keys import KeyRing, write_keys
from services.gateway.access.limits import LATE_S
from services.gateway.access.principals import Scope
from services.gateway.app import serve_on
from services.gateway.settings import GatewaySettings
from services.gateway.web.server import listen
from shared.events.errors import ConfigurationError
from shared.kafka.producer import Message
from tests.kit.asking import PATIENCE_S, answered, ask, opened, status_of, until_ready
from tests.kit.certificates import certified
from tests.kit.until import until

pytestmark = pytest.mark.integration

SECRET = "sesame"  # noqa: S105 - of a gateway that lives for one test

Start = Callable[..., AbstractAsyncContextManager[str]]
Until = Callable[..., Awaitable[httpx.Response]]
Step = Callable[..., list[Message]]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000, 431),
        (b"GET /" + b"x" * 200_000, 431),
        (b"GET /live?" + b"&x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000, 431),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: evil\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n", 400),
        *(
            (b"GET /live HTTP/1.1\r\nHost: localhost\r\n" + name + b": a\r\nX: y\r\n" + name + b": a\r\n\r\n", 400)
            for name in (
                b"Authorization",
                b"Content-Type",
                b"Idempotency-Key",
                b"IDEMPOTENCY-KEY",
                b"Origin",
                b"Expect",
            )
        ),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        (b"GET /live HTTP/1.1\r\nHost: localhost\r\nContent-Type: a\r\ncontent-type: b\r\n\r\n", 400),
        (
            b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\n" + 2 * b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + b"\r\n",
            400,
        ),
    ],
    ids=range(22),
)
async def test_what_is_no_request_is_a_problem(world: Any, start_gateway: Start, sent: bytes, status: int) -> None:  # noqa: ANN401 - the World of conftest.py
    async with start_gateway(world.platform) as url:
        said = await answered(url, sent)
        assert status_of(said) == status
        assert json.loads(said.partition("\r\n\r\n")[2])["status"] == status
        assert (await ask(url, "/live")).status_code == 200


async def next_message(socket: ClientConnection) -> dict[str, Any]:
    """What comes next, heartbeats apart."""
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] != "heartbeat":
            return message


async def test_a_body_is_not_read_before_the_credentials(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n"
    async with start_gateway(world.platform, write_token=SECRET) as url:
        for path in (b"/api/alerts/nope/actions", b"/api/advisories"):
            async with opened(url, head % (path, b"Content-Length: 300000000\r\n")) as (reader, _):
                async with asyncio.timeout(5):
                    assert status_of((await reader.read(400)).decode()) == 401
                    # It does not wait for the other 300 MB.
                    await reader.read()
        token = b"Authorization: Bearer sesame\r\n"
        for path, size in ((b"/api/alerts/nope/actions", 100_000), (b"/api/advisories", 40 * 2**20)):
            declared = head % (path, token + b"Content-Length: %d\r\n" % size)
            assert status_of(await answered(url, declared)) == 413
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        chunked = head % (b"/api/alerts/nope/actions", token + b"Transfer-Encoding: chunked\r\n") + chunk * 3
        assert status_of(await answered(url, chunked)) == 413
        thin = head % (b"/api/advisories", token + b"Transfer-Encoding: chunked\r\n") + b"1;" + b"e" * 400_000
        assert status_of(await answered(url, thin)) == 400


async def test_half_requests_end_in_time(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    until_answer: Until,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = {"header_timeout_s": 0.5, "body_timeout_s": 0.5, "write_token": SECRET}
    half_body = (
        b"POST /api/advisories HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n"
        b"Content-Length: 9\r\n\r\n{"
    )
    async with start_gateway(world.platform, **limits) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
        said = await asyncio.gather(
            answered(url, b""), answered(url, b"GET /live HT"), answered(url, b"G"), answered(url, half_body)
        )
        assert said[0] == ""
        assert [status_of(each) for each in said[1:]] == [408, 408, 408]
    # Whoever leaves early leaves no traceback.
    assert "request failed" not in capsys.readouterr().out


async def test_a_flood_of_what_is_no_request_is_answered_late(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    limits = {"fault_burst": 5, "faults_per_second": 0.01}
    flood = b"GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000
    async with start_gateway(world.platform, **limits) as url:
        for _ in range(5):
            assert status_of(await answered(url, flood)) == 431
        began = time.monotonic()
        said = await asyncio.gather(*(answered(url, flood) for _ in range(20)))
        # Together, not one after the other: nobody waits for them.
        assert LATE_S <= time.monotonic() - began < 10 * LATE_S
        assert {status_of(each) for each in said} == {431}
        assert (await ask(url, "/live")).status_code == 200


async def test_whoever_waits_makes_place_for_whoever_asks(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform, max_connections=20) as url, AsyncExitStack() as stack:
        for _ in range(60):
            await stack.enter_async_context(opened(url, b"GET /live HTTP/1.1\r\nHost: lo"))
        for _ in range(10):
            assert (await ask(url, "/live")).status_code == 200
        metrics = (await ask(url, "/metrics")).text
        assert 'metrla_gateway_refused_total{why="connection"}' in metrics


async def test_websockets_have_places_per_address(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform, max_websocket_clients_per_address=2) as url, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connect(socket_of(url)))
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(connect(socket_of(url)))
        assert refused.value.response.status_code == 429
        assert json.loads(refused.value.response.body)["title"] == "Too Many Requests"


def socket_of(url: str, query: str = "") -> str:
    return url.replace("http", "ws") + "/ws/predictions" + query


@pytest.mark.parametrize(
    ("query", "headers", "status", "said"),
    [
        ("?horizon=15", {}, 422, "did you mean horizon_minutes?"),
        ("?channel=alerts", {}, 422, "did you mean channels?"),
        ("?horizon_minutes=0", {}, 422, "horizon_minutes"),
        ("?horizon_minutes=7", {}, 422, "there are 5, 10, 15"),
        ("?horizon_minutes=15&horizon_minutes=30", {}, 422, "more than once"),
        ("?model=oracle", {}, 403, "there is no such model"),
        ("", {"Origin": "http://evil"}, 403, "origin"),
        ("", {"Host": "evil", "Origin": "http://evil"}, 400, "host"),
        ("", {"Authorization": "Bearer wrong"}, 401, "credentials"),
    ],
)
async def test_a_refused_websocket_says_why(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    query: str,
    headers: dict[str, str],
    status: int,
    said: str,
) -> None:
    async with start_gateway(world.platform, write_token=SECRET) as url:
        await until_ready(url)
        lines = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        lines |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        text = await answered(url, f"GET /ws/predictions{query} HTTP/1.1\r\n{head}\r\n".encode())
        assert status_of(text) == status
        assert "application/problem+json" in text
        assert said in json.loads(text.partition("\r\n\r\n")[2])["detail"]


async def test_a_message_with_a_wrong_name_says_what_may_be_meant(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform) as url, connect(socket_of(url)) as socket:
        await socket.recv()
        for sent, said in [
            ({"type": "subscribe", "sensor_id": ["405N-01"]}, "did you mean sensor_ids?"),
            ({"type": "subscribe", "sensor_ids": ["405N-1"]}, "did you mean 405N-01?"),
            ({"type": "subscribe", "horizon": 15}, "did you mean horizon_minutes?"),
            ({"type": "subscribe", "horizon_minutes": 7}, "there are 5, 10, 15"),
            ({"type": "ping", "x": 1}, "there is no field 'x'"),
        ]:
            await socket.send(json.dumps(sent))
            assert said in json.loads(await socket.recv())["errors"][0]["detail"]


async def test_a_flood_of_messages_ends_the_websocket(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform) as url, connect(socket_of(url)) as socket:

        async def flood() -> None:
            for _ in range(1000):
                await socket.send('{"type":"ping"}')
                await socket.recv()

        with pytest.raises(ConnectionClosed) as closed:
            await flood()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, json.loads(closed.value.rcvd.reason)["status"]) == (1008, 429)


async def test_redirects_do_not_repeat_what_the_client_said(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform) as url:
        for path in ("/live-map", "/docs/files", "//evil.example/..", "/api/alerts/"):
            answer = await ask(url, path, headers={"Host": "10.1.2.3:99"})
            place = answer.headers.get("location", "/")
            assert place.startswith("/")
            assert not place.startswith("//")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, dict[Scope, str]]:
    now, path = datetime.now(UTC), tmp_path / "keys.json"
    ring, texts = KeyRing({}), {}
    for scope in Scope:
        ring, _, texts[scope] = ring.created(scope.value, [scope], now, timedelta(days=1))
    write_keys(path, ring)
    return path, texts


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


async def test_scopes_decide_what_a_key_may_do(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    until_answer: Until,
    keys: tuple[Path, dict[Scope, str]],
) -> None:
    path, texts = keys
    closed = {"keys_file": path, "reads": "key", "docs": "key", "metrics": "key"}
    async with start_gateway(world.platform, **closed) as url, httpx.AsyncClient(base_url=url) as client:
        await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
        for free in ("/", "/live", "/ready", "/live-map/"):
            assert (await client.get(free, follow_redirects=True)).status_code == 200
        for guarded in ("/api/sensors", "/api/alerts", "/health", "/metrics", "/docs", "/openapi.json", "/api/models"):
            assert (await client.get(guarded)).status_code == 401
            assert (await client.get(guarded, headers=bearer(texts[Scope.READ]))).status_code == 200
        action, single = (
            "/api/alerts/nope/actions",
            {"advisory_type": "event", "title": "x", "affected_sensors": ["no"]},
        )
        document: dict[str, Any] = {"feed_info": {"version": "4.2"}, "type": "FeatureCollection", "features": []}
        expected = {
            Scope.READ: (403, 403, 403),
            Scope.OPERATE: (404, 422, 403),
            Scope.INGEST: (403, 422, 200),
            Scope.ADMIN: (404, 422, 200),
        }
        for scope, statuses in expected.items():
            sent = (
                (action, {"kind": "acknowledge", "operator": "x"}),
                ("/api/advisories", single),
                ("/api/advisories", document),
            )
            answers = [await client.post(where, json=body, headers=bearer(texts[scope])) for where, body in sent]
            assert (scope, tuple(answer.status_code for answer in answers)) == (scope, statuses)
        for wrong in ("Basic eDp5", "Bearer", f"Bearer {texts[Scope.READ]}x", "Bearer " + "x" * 20_000):
            assert (await client.get("/api/sensors", headers={"Authorization": wrong})).status_code == 401


async def test_what_is_closed_is_not_there(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    async with start_gateway(world.platform, docs="closed", metrics="closed") as url:
        for path in ("/docs", "/openapi.json", "/metrics"):
            assert (await ask(url, path)).status_code == 404


async def test_a_websocket_says_who_it_is_in_its_first_message(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    keys: tuple[Path, dict[Scope, str]],
) -> None:
    path, texts = keys
    async with start_gateway(world.platform, keys_file=path, reads="key") as url:
        await until_ready(url)
        async with connect(socket_of(url)) as socket:
            await socket.send(json.dumps({"type": "authenticate", "token": texts[Scope.READ]}))
            assert await next_message(socket) == {"type": "authenticated"}
            assert (await next_message(socket))["type"] == "predictions_snapshot"
        async with connect(socket_of(url), additional_headers=bearer(texts[Scope.READ])) as socket:
            assert (await next_message(socket))["type"] == "predictions_snapshot"
        for said in ({"type": "authenticate", "token": "wrong"}, {"type": "ping"}):
            async with connect(socket_of(url)) as socket:
                await socket.send(json.dumps(said))
                assert (await next_message(socket))["type"] == "error"
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None
                assert (closed.value.rcvd.code, json.loads(closed.value.rcvd.reason)["status"]) == (1008, 401)


async def test_a_ticket_opens_one_websocket_with_the_scopes_of_who_asked(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    keys: tuple[Path, dict[Scope, str]],
) -> None:
    path, texts = keys
    async with (
        start_gateway(world.platform, keys_file=path, reads="key") as url,
        start_gateway(world.platform, keys_file=path, reads="key") as another,
        httpx.AsyncClient(base_url=url) as client,
    ):
        await until_ready(url)
        await until_ready(another)
        assert (await client.post("/api/tickets")).status_code == 401

        async def ticket() -> str:
            answer = await client.post("/api/tickets", headers=bearer(texts[Scope.READ]))
            assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
            assert 0 < answer.json()["expires_in_s"] <= 60
            return str(answer.json()["ticket"])

        used = await ticket()
        async with connect(f"{socket_of(url)}?ticket={used}") as socket:
            assert (await next_message(socket))["type"] == "predictions_snapshot"
        async with connect(socket_of(url)) as socket:
            await socket.send(json.dumps({"type": "authenticate", "ticket": await ticket()}))
            assert await next_message(socket) == {"type": "authenticated"}
        elsewhere = f"{socket_of(another)}?ticket={await ticket()}"
        wrong = {f"{socket_of(url)}?ticket={used}": 401, f"{socket_of(url)}?ticket=x": 401, elsewhere: 421}
        for where, status in wrong.items():
            with pytest.raises(InvalidStatus) as refused:
                async with connect(where):
                    pass
            assert refused.value.response.status_code == status
            assert "icket" in json.loads(refused.value.response.body)["detail"]
        async with connect(socket_of(another)) as socket:
            await socket.send(json.dumps({"type": "authenticate", "ticket": await ticket()}))
            assert "another instance" in (await next_message(socket))["detail"]


async def test_wrong_tokens_are_logged_and_slowed_and_right_ones_are_not(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits = {"write_token": "sesame", "fault_burst": 10, "faults_per_second": 0.1}
    async with start_gateway(world.platform, **limits) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [await client.delete("/api/advisories/x", headers=bearer(f"w{n}")) for n in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) >= 1
        honest = [await client.get("/api/alerts", headers=bearer("sesame")) for _ in range(30)]
        assert {answer.status_code for answer in honest} == {200}
        await client.delete("/api/advisories/x", headers=bearer("sesame"))
    said = capsys.readouterr().out
    assert said.count("refused") >= 12
    assert "write token" in said
    assert "w3" not in said


async def test_requests_of_one_address_are_counted(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    limits = {"write_token": "sesame", "request_burst": 5, "requests_per_second": 0.1}
    async with start_gateway(world.platform, **limits) as url, httpx.AsyncClient(base_url=url) as client:
        answers = [(await client.get("/api/alerts")).status_code for _ in range(7)]
        assert answers[-2:] == [429, 429]
        assert (await client.get("/api/alerts", headers=bearer("sesame"))).status_code == 200
        assert (await client.get("/live")).status_code == 200


async def test_a_proxy_is_believed_only_where_it_is_trusted(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    limits = {"request_burst": 3, "requests_per_second": 0.01}
    for trusted, last in ((("127.0.0.1",), 200), ((), 429)):
        async with start_gateway(world.platform, trusted_proxies=trusted, **limits) as url:
            headers = ({"X-Forwarded-For": f"10.0.0.{number}"} for number in range(6))
            statuses = [(await ask(url, "/health", headers=each)).status_code for each in headers]
            assert statuses[-1] == last


async def test_what_a_trusted_proxy_says_is_an_address_or_is_not_taken(
    world: Any,  # noqa: ANN401 - likewise
    start_gateway: Start,
    capsys: pytest.CaptureFixture[str],
) -> None:
    odd = ("a" * 5000, '"; INJ', "evil;x", "fe80::1%" + "z" * 500, "1.2.3.4.5", ",,,", "[::1", "999.1.1.1")
    right = {
        "10.0.0.1": "10.0.0.1",
        "10.0.0.2:80": "10.0.0.2",
        "[2001:DB8::1]:80": "2001:db8::1",
        "x, 10.0.0.3": "10.0.0.3",
    }
    trusting = start_gateway(world.platform, trusted_proxies=("127.0.0.1",), write_token=SECRET)
    async with trusting as url, httpx.AsyncClient(base_url=url) as client:
        for said in (*odd, *right):
            await client.delete("/api/advisories/x", headers={"X-Forwarded-For": said, **bearer("wrong")})
    refusals = [line for line in capsys.readouterr().out.splitlines() if "credentials are not known" in line]
    addresses = [line.partition("address=")[2].split()[0] for line in refusals]
    assert addresses == ["127.0.0.1"] * len(odd) + list(right.values())


async def test_tls_begins_behind_the_door(world: Any, tmp_path: Path) -> None:  # noqa: ANN401 - the World of conftest.py
    certificate, key = certified(tmp_path)
    settings = GatewaySettings(port=0, tls_certificate=certificate, tls_key=key, header_timeout_s=1.0)
    stop, trust = asyncio.Event(), ssl.create_default_context(cafile=str(certificate))
    with closing(listen(settings)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(serve_on(listener, world.platform, settings, stop))
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trust) as client:

            async def live() -> bool:
                try:
                    return (await client.get("/live")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(live, "the gateway answers over TLS", PATIENCE_S)
            # Neither silence nor another protocol holds a place for longer than its time.
            for sent in (b"", b"\x16"):
                assert await answered(f"x://127.0.0.1:{port}", sent) == ""
            async with connect(f"wss://127.0.0.1:{port}/ws/predictions", ssl=trust) as socket:
                await socket.send('{"type":"ping"}')
                while (await next_message(socket))["type"] != "pong":
                    pass
        stop.set()
        await asyncio.wait_for(serving, PATIENCE_S)


async def test_a_certificate_that_cannot_be_used_stops_the_start(world: Any, tmp_path: Path) -> None:  # noqa: ANN401 - likewise
    for content in (None, "no certificate"):
        path = tmp_path / "x.pem"
        if content is not None:
            path.write_text(content)
        settings = GatewaySettings(port=0, tls_certificate=path, tls_key=path)
        with closing(listen(settings)) as listener, pytest.raises(ConfigurationError, match="TLS_CERTIFICATE"):
            await serve_on(listener, world.platform, settings, asyncio.Event())


async def test_a_key_with_a_pass_phrase_is_refused_and_nobody_is_asked_for_it(world: Any, tmp_path: Path) -> None:  # noqa: ANN401 - likewise
    certificate, key = certified(tmp_path)
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    settings = GatewaySettings(port=0, tls_certificate=certificate, tls_key=key)
    with closing(listen(settings)) as listener, pytest.raises(ConfigurationError, match="has a pass phrase"):
        await serve_on(listener, world.platform, settings, asyncio.Event())


@asynccontextmanager
async def provider(*keys: tuple[str, ec.EllipticCurvePrivateKey]) -> AsyncIterator[str]:
    """An identity provider that publishes its keys; where."""
    published = [
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": key_id, "alg": "ES256"}
        for key_id, key in keys
    ]
    body = json.dumps({"keys": published}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


async def test_tokens_of_an_identity_provider(world: Any, start_gateway: Start) -> None:  # noqa: ANN401 - likewise
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    good: dict[str, Any] = {
        "iss": "https://id.example",
        "aud": "metrla",
        "sub": "ann",
        "exp": now + timedelta(minutes=5),
        "scope": "openid metrla:operate",
    }

    def token(signer: Any = key, algorithm: str = "ES256", kid: str = "k1", **changes: Any) -> str:  # noqa: ANN401 - any key, any claim
        claims = {name: value for name, value in (good | changes).items() if value is not None}
        return jwt.encode(claims, signer, algorithm=algorithm, headers={"kid": kid})

    async with provider(("k1", key)) as keys_url:
        issued = {"jwt_issuer": "https://id.example", "jwt_audience": "metrla", "jwt_jwks_url": keys_url}
        async with start_gateway(world.platform, reads="key", **issued) as url:
            await until_ready(url)
            assert (await ask(url, "/api/sensors", headers=bearer(token()))).status_code == 200
            bad = [
                token(other),
                token("s" * 64, "HS256"),
                token("", "none"),
                token(kid="k2"),
                token(iss="https://evil.example"),
                token(aud="other"),
                token(exp=now - timedelta(minutes=5)),
                token(nbf=now + timedelta(minutes=5)),
                token(iss=None),
                token(aud=None),
                token(sub=None),
                token(exp=None),
                token(sub="a\x00b"),
                token()[:-4],
                "a.b.c",
                "..",
            ]
            statuses = [(await ask(url, "/api/sensors", headers=bearer(each))).status_code for each in bad]
            assert statuses == [401] * len(bad)
            assert (await ask(url, "/api/sensors", headers=bearer(token(scope="openid")))).status_code == 403
