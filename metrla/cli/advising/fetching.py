"""Documents from files, standard input and the web, the latter fetched again only when they changed."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from metrla import __version__
from shared.events.errors import ConfigurationError, MetrlaError

TIMEOUT_S = 30.0
MAX_BYTES = 64 * 1024 * 1024
STANDARD_INPUT = "-"
SECRETS = frozenset({"key", "apikey", "api_key", "token", "access_token", "app_key", "app_id", "secret"})
HEADERS = {
    # api.weather.gov refuses requests that do not say who asks.
    "User-Agent": f"metrla/{__version__} (traffic advisories)",
    "Accept": "application/geo+json, application/json, application/cap+xml;q=0.9, application/xml;q=0.8, */*;q=0.5",
}


class FetchError(MetrlaError):
    """A document could not be fetched; `retry_after_s` is when the server asks to come again."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document and what its server said to recognise it by."""

    data: bytes
    etag: str | None = None
    last_modified: str | None = None


def is_url(place: str) -> bool:
    """Whether a place is fetched rather than opened."""
    return urlsplit(place).scheme in {"http", "https"}


def feed_name(place: str) -> str:
    """How a place is called on the log: without user, password and keys, for all to read."""
    if place == STANDARD_INPUT:
        return ""
    if not is_url(place):
        return Path(place).name
    parts = urlsplit(place)
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in SECRETS])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


async def fetch(place: str) -> Fetched:
    """A document from wherever it is; raises `FetchError` or `ConfigurationError`."""
    if is_url(place):
        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=True, headers=HEADERS) as client:
            fetched = await fetch_changed(client, place, None)
        assert fetched is not None  # noqa: S101 - nothing was known, so nothing can be unchanged
        return fetched
    return Fetched(await asyncio.to_thread(_opened, place))


def _opened(place: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if place == STANDARD_INPUT else Path(place).read_bytes()
    except OSError as unreadable:
        raise ConfigurationError(f"{place}: {unreadable.strerror}") from unreadable


async def fetch_changed(client: httpx.AsyncClient, url: str, known: Fetched | None) -> Fetched | None:
    """The document at `url`, or `None` where it is as it was when `known` was fetched; raises `FetchError`."""
    asked = {}
    if known is not None and known.etag:
        asked["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        asked["If-Modified-Since"] = known.last_modified
    name = feed_name(url)
    try:
        async with client.stream("GET", url, headers=asked) as answer:
            if answer.status_code == HTTPStatus.NOT_MODIFIED:
                return None
            if not answer.is_success:
                wait = _retry_after_s(answer.headers.get("Retry-After"))
                raise FetchError(f"{name}: answered {answer.status_code} {answer.reason_phrase}", wait)
            data = bytearray()
            async for piece in answer.aiter_bytes():
                data += piece
                if len(data) > MAX_BYTES:
                    raise FetchError(f"{name}: more than {MAX_BYTES // 2**20} MiB")
            return Fetched(bytes(data), answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        raise FetchError(f"{name}: {str(failed) or type(failed).__name__}") from failed


def _retry_after_s(told: str | None) -> float | None:
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
