"""JSON Web Tokens of an identity provider (OpenID Connect), checked against the keys that it publishes (RFC 7517)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
import jwt
import structlog

from services.gateway.access.principals import Principal, Scope
from shared.events.text import fault_of

log = structlog.stdlib.get_logger(__name__)

# None of them can be checked with a secret that both sides know: a public key taken for one is the classic forgery.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ("exp", "iss", "aud", "sub")
LEEWAY_S = 30.0
FETCH_S = 10.0
MAX_SET_BYTES = 256 * 1024
# Keys are asked for again this often; and, for a key that is not known, no more often than that.
KEPT_S, ASKED_AGAIN_S = 3600.0, 60.0
LONGEST_TOKEN = 8192
LONGEST_SUBJECT = 200
SCOPE_PREFIX = "metrla:"
_NO_ANSWER = (httpx.HTTPError, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider: `name` and `audience` as its tokens say them, where its keys are, which claim says scopes."""

    name: str
    audience: str
    keys_url: str
    scope_claim: str = "scope"


class Tokens:
    """Checks tokens of one issuer; keeps its keys."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def principal(self, text: str) -> Principal | None:
        """Whom the token is about, `None` where it is not good; never raises."""
        if len(text) > LONGEST_TOKEN:
            return None
        try:
            header = jwt.get_unverified_header(text)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(str(header.get("kid", "")))
            if key is None:
                return None
            claims = jwt.decode(
                text,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._issuer.audience,
                issuer=self._issuer.name,
                leeway=LEEWAY_S,
                options={"require": list(REQUIRED)},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.strip() or fault_of(subject, LONGEST_TOKEN) is not None:
            return None
        return Principal(f"subject {subject[:LONGEST_SUBJECT]}", scopes_of(claims.get(self._issuer.scope_claim)))

    async def _key(self, key_id: str) -> jwt.PyJWK | None:
        """The key, of those known now where it is among them: no provider that hangs delays a token that is good."""
        now = monotonic()
        old = now - self._fetched_at >= KEPT_S
        if (old or key_id not in self._keys) and now - self._asked_at >= ASKED_AGAIN_S:
            self._asked_at = now
            self._fetching = asyncio.create_task(self._fetch())
        if key_id not in self._keys and self._fetching is not None:
            # Shielded: others wait for it, too, when this one leaves.
            await asyncio.shield(self._fetching)
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        """Ask for the keys. Where that fails, those that are known stay."""
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = _usable(await _fetched(self._issuer.keys_url))
        # JSON of another form than a set of keys meets no check in PyJWT.
        except (*_NO_ANSWER, jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError, TimeoutError) as failed:
            log.warning(
                "keys of the identity provider not fetched", url=self._issuer.keys_url, error=str(failed) or "timeout"
            )
            return
        self._fetched_at = monotonic()
        log.info("keys of the identity provider fetched", keys=len(self._keys))


async def _fetched(url: str) -> bytes:
    data = bytearray()
    async with httpx.AsyncClient(timeout=FETCH_S) as client, client.stream("GET", url) as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_bytes():
            data += piece
            if len(data) > MAX_SET_BYTES:
                raise ValueError(f"more than {MAX_SET_BYTES // 1024} KiB")
    return bytes(data)


def _usable(data: bytes) -> Mapping[str, jwt.PyJWK]:
    """The public keys of a set that can check one of `ALGORITHMS`, by id; raises `PyJWTError` or `ValueError`."""
    keys = jwt.PyJWKSet.from_json(data.decode()).keys
    return {str(key.key_id or ""): key for key in keys if key.algorithm_name in ALGORITHMS}


def scopes_of(claim: Any) -> frozenset[Scope]:  # noqa: ANN401 - whatever a token says
    """The scopes that a claim names: text with spaces or a list, `read` or `metrla:read`; others are not ours."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else ()
    names = {word.removeprefix(SCOPE_PREFIX) for word in words if isinstance(word, str)}
    return frozenset(scope for scope in Scope if scope.value in names)
