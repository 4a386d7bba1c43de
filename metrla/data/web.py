"""Fetching over HTTP: documents, again only when they have changed, and large files, on from where they stopped."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from metrla import __version__
from metrla.data.link_header import next_of
from shared.events.errors import ConfigurationError, MetrlaError

TIMEOUT_S = 30.0
MAX_BYTES = 64 * 1024 * 1024
# In all, however it trickles: 64 MiB within it is half a megabyte a second.
DEADLINE_S = 120.0
# After a quarter of it, a feed must have come at this pace, or it will not be whole in time either.
LEAST_BYTES_PER_SECOND = 1024
MAX_REDIRECTS = 5
STANDARD_INPUT = "-"
SECRETS = frozenset({"key", "apikey", "api_key", "token", "access_token", "app_key", "app_id", "secret"})
HEADERS = {
    # api.weather.gov refuses requests that do not say who asks.
    "User-Agent": f"metrla/{__version__} (traffic advisories)",
    "Accept": "application/geo+json, application/json, application/cap+xml;q=0.9, application/xml;q=0.8, */*;q=0.5",
}


MAX_PAGES = 200
"""Of one feed; what has more is taken for endless."""

# Called with the bytes there are and the bytes there will be, `None` where the server does not say.
DownloadProgress = Callable[[int, int | None], None]


class FetchError(MetrlaError):
    """What was asked for could not be fetched, or is not what it should be; `retry_after_s`: when to ask again."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Document:
    """A document, and the marks by which its server recognises this version of it."""

    data: bytes
    etag: str | None = None
    last_modified: str | None = None
    following: str | None = None
    """Where the server's `Link` header says that it goes on."""
    headers: Sequence[tuple[str, str]] = ()
    """Of the answer, names and values."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A document in pages, by their addresses, in order; and why further ones were left, where there are any."""

    documents: Mapping[str, Document]
    left: str | None = None

    @property
    def data(self) -> tuple[bytes, ...]:
        """The bytes of every page."""
        return tuple(document.data for document in self.documents.values())

    @property
    def headers(self) -> Sequence[Sequence[tuple[str, str]]]:
        """The headers of every page's answer."""
        return [document.headers for document in self.documents.values()]


# Tells from a page where the next one is, as the page writes it.
FindNext = Callable[[bytes], str | None]


def is_url(place: str) -> bool:
    """Whether a place is fetched rather than opened; raises `ConfigurationError` where it begins so and is no URL."""
    try:
        return urlsplit(place).scheme in {"http", "https"}
    except ValueError as wrong:
        raise ConfigurationError(f"{place}: {wrong}") from wrong


def feed_name(place: str) -> str:
    """The name of a place on the log: without user, password and keys, for all to read."""
    if place == STANDARD_INPUT:
        return ""
    if not is_url(place):
        return Path(place).name
    parts = urlsplit(place)
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name.lower() not in SECRETS])
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


async def fetch_document(place: str, find_next: FindNext) -> Pages:
    """A document, all its pages, from a URL, a file or standard input.

    Raises:
        FetchError: a page could not be fetched.
        ConfigurationError: a file cannot be read.
    """
    if is_url(place):
        async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=HEADERS) as client:
            return await fetch_pages(client, place, find_next)
    return Pages({place: Document(await asyncio.to_thread(_opened, place))})


async def fetch_pages(
    client: httpx.AsyncClient, url: str, find_next: FindNext, known: Mapping[str, Document] | None = None
) -> Pages:
    """The document at `url` with the pages that follow it, on the same server only; raises `FetchError`.

    Args:
        client: fetches.
        url: of the first page.
        find_next: tells from a page where the next one is; a `Link` header tells it as well.
        known: pages that were fetched before; those that have not changed are taken from there.
    """
    documents: dict[str, Document] = {}
    following, size = url, 0
    while True:
        before = (known or {}).get(following)
        fetched = await fetch_changed(client, following, before) or before
        if fetched is None:
            raise FetchError(f"{feed_name(following)}: answered that it has not changed, though it was not known")
        documents[following] = fetched
        size += len(fetched.data)
        told = fetched.following or find_next(fetched.data)
        if told is None:
            return Pages(documents)
        try:
            upcoming = urljoin(following, told)
            elsewhere = _origin(upcoming) != _origin(url)
        except ValueError:
            return Pages(documents, f"the address of its page {len(documents) + 1} is none")
        if upcoming in documents:
            return Pages(documents, "its pages go in a circle")
        if elsewhere:
            return Pages(documents, f"its page {len(documents) + 1} is on another server")
        if len(documents) >= MAX_PAGES:
            return Pages(documents, f"it has more than {MAX_PAGES} pages")
        if size > MAX_BYTES:
            return Pages(documents, f"its pages are more than {MAX_BYTES // 2**20} MiB")
        following = upcoming


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port; raises `ValueError` where it is no URL."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _opened(place: str) -> bytes:
    # Pipes are read, as a shell makes them of commands; what does not end is left after as much as a server may send.
    try:
        if place == STANDARD_INPUT:
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as unreadable:
        raise ConfigurationError(f"{place}: {getattr(unreadable, 'strerror', unreadable)}") from unreadable
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{place}: more than {MAX_BYTES // 2**20} MiB")
    return data


async def fetch_changed(client: httpx.AsyncClient, url: str, known: Document | None) -> Document | None:
    """The document at `url`, or `None` where it is still `known`; raises `FetchError`.

    Redirects stay on its host: another one, or an address of the network that we stand in, was not asked for. They
    never lead from https to http.
    """
    asked = {}
    if known is not None and known.etag:
        asked["If-None-Match"] = known.etag
    if known is not None and known.last_modified:
        asked["If-Modified-Since"] = known.last_modified
    name = feed_name(url)
    try:
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(1 + MAX_REDIRECTS):
                async with client.stream("GET", url, headers=asked, follow_redirects=False) as answer:
                    if not answer.has_redirect_location:
                        return await _document(answer, name)
                    url = _next_place(answer, name)
    except TimeoutError as late:
        raise FetchError(f"{name}: not complete within {DEADLINE_S:g} s") from late
    except (httpx.HTTPError, httpx.InvalidURL) as failed:
        raise FetchError(f"{name}: {str(failed) or type(failed).__name__}") from failed
    raise FetchError(f"{name}: more than {MAX_REDIRECTS} redirects")


async def _document(answer: httpx.Response, name: str) -> Document | None:
    if answer.status_code == HTTPStatus.NOT_MODIFIED:
        return None
    # 206 is a piece that nobody asked for, 202 and 204 are promises: only these hold a document.
    if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}:
        wait = _retry_after_s(answer.headers.get("Retry-After"))
        raise FetchError(f"{name}: answered {answer.status_code} {answer.reason_phrase}", wait)
    data, begun = bytearray(), monotonic()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > MAX_BYTES:
            raise FetchError(f"{name}: more than {MAX_BYTES // 2**20} MiB")
        took_s = monotonic() - begun
        if took_s > DEADLINE_S / 4 and answer.num_bytes_downloaded < LEAST_BYTES_PER_SECOND * took_s:
            raise FetchError(f"{name}: fewer than {LEAST_BYTES_PER_SECOND} bytes a second")
    told = answer.headers
    following = next_of(told.get_list("Link"))
    return Document(bytes(data), told.get("ETag"), told.get("Last-Modified"), following, told.multi_items())


def _next_place(answer: httpx.Response, name: str) -> str:
    """Where a redirect leads; raises `FetchError` where we do not follow."""
    here, place = answer.request.url, answer.request.url.join(answer.headers["Location"])
    same = (place.host, place.port) == (here.host, here.port)
    upgraded = place.host == here.host and here.scheme == "http" and place.scheme == "https" and place.port is None
    if not (upgraded or (same and place.scheme == here.scheme)):
        raise FetchError(
            f"{name}: redirected to {feed_name(str(place))}, which was not asked for; give that address instead"
        )
    return str(place)


def download(url: str, partial: Path, progress: DownloadProgress) -> None:
    """Fetch a large file into `partial`, whose bytes are taken for its beginning where it is there already.

    Raises:
        FetchError: it redirects to another host, as of `fetch_changed`, or for ever.
        httpx.TransportError: the server cannot be reached, or fell silent; `partial` keeps what has come.
        httpx.HTTPStatusError: it refuses.
        OSError: `partial` cannot be written.
    """
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"} if have else {"Accept-Encoding": "identity"}
    name = feed_name(url)
    for _ in range(1 + MAX_REDIRECTS):
        with httpx.stream("GET", url, headers=headers, follow_redirects=False, timeout=TIMEOUT_S) as response:
            if not response.has_redirect_location:
                _keep(response, partial, have, progress)
                return
            url = _next_place(response, name)
    raise FetchError(f"{name}: more than {MAX_REDIRECTS} redirects")


def _keep(response: httpx.Response, partial: Path, have: int, progress: DownloadProgress) -> None:
    """Write what comes behind the `have` bytes of `partial`, or in their place where the server begins anew."""
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
        # Nothing is left to come. Whether the file is whole is for the caller to check.
        return
    response.raise_for_status()
    resumed = response.status_code == HTTPStatus.PARTIAL_CONTENT
    length = response.headers.get("Content-Length")
    total = None if length is None else int(length) + (have if resumed else 0)
    done = have if resumed else 0
    with partial.open("ab" if resumed else "wb") as file:
        for chunk in response.iter_bytes():
            file.write(chunk)
            done += len(chunk)
            progress(done, total)


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
