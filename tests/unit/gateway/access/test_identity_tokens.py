"""Tokens of an identity provider that answers late, oddly, or no more."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.gateway.access import tokens
from services.gateway.access.tokens import Issuer, Tokens

KEY = ec.generate_private_key(ec.SECP256R1())
PATIENCE_S = 5.0


def token(kid: str = "k1", subject: str = "ann") -> str:
    claims = {
        "iss": "https://id.example",
        "aud": "metrla",
        "sub": subject,
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "scope": "read",
    }
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": kid})


def published() -> bytes:
    return json.dumps(
        {"keys": [{**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "alg": "ES256"}]}
    ).encode()


class Provider:
    """Publishes `body`, or, once `hangs`, takes requests and never answers."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.hangs = False
        self.asked = asyncio.Event()
        self.serving: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.current_task())
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()
        if self.hangs:
            await reader.read()
        else:
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(self.body)
            writer.write(head + self.body)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def issuing(body: bytes) -> AsyncIterator[tuple[Provider, Tokens]]:
    provider = Provider(body)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    async with server:
        where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        yield provider, Tokens(Issuer("https://id.example", "metrla", where))
        await asyncio.gather(*filter(None, provider.serving), return_exceptions=True)


async def test_a_provider_that_hangs_delays_no_token_whose_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "ASKED_AGAIN_S", 0.0)
    monkeypatch.setattr(tokens, "FETCH_S", 2.0)
    async with issuing(published()) as (provider, known):
        assert await known.principal(token()) is not None
        provider.hangs = True
        provider.asked.clear()
        stranger = asyncio.create_task(known.principal(token(kid="unknown")))
        async with asyncio.timeout(PATIENCE_S):
            await provider.asked.wait()
        begun = monotonic()
        assert await known.principal(token()) is not None
        assert monotonic() - begun < 1.0
        monkeypatch.setattr(tokens, "KEPT_S", 0.0)  # the hourly look must not delay it either
        assert await known.principal(token()) is not None
        assert monotonic() - begun < 1.0
        assert not stranger.done()
        assert await stranger is None


async def test_a_token_whose_key_is_just_fetched_waits_for_it() -> None:
    async with issuing(published()) as (_, known):
        found = await asyncio.gather(*(known.principal(token()) for _ in range(5)))
        assert [who is not None and who.name for who in found] == ["subject ann"] * 5


@pytest.mark.parametrize("subject", ["", " ", "\u2003"])
async def test_a_token_about_nobody_is_none(subject: str) -> None:
    async with issuing(published()) as (_, known):
        assert await known.principal(token(subject=subject)) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"null", b'{"keys": 1}', b'{"keys": [1]}', b"\xff", b"[" * 2000])
async def test_what_is_no_set_of_keys_makes_no_token_good(body: bytes) -> None:
    async with issuing(body) as (_, known):
        assert await known.principal(token()) is None
