"""A feed that is asked again and again: only what changed is read, trouble is waited out."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import httpx
from aiokafka.errors import KafkaError

from metrla.cli.advising.desk import Desk
from metrla.data.web import HEADERS, TIMEOUT_S, Document, FetchError, feed_name, fetch_changed
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.importing import ImportResult

LONGEST_PAUSE_S = 900.0

Report = Callable[[ImportResult], None]
Trouble = Callable[[str, float], None]


async def watch(url: str, every_s: float, desk: Desk, stop: asyncio.Event, report: Report, trouble: Trouble) -> None:
    """Take the feed in whenever it changed, until `stop` is set.

    Args:
        url: where the feed is. It is taken for complete: what it no longer holds is withdrawn.
        every_s: seconds between two looks.
        desk: what publishes.
        stop: ends the watch; what is in hand is finished.
        report: told what each change of the feed came to.
        trouble: told what failed and in how many seconds the next attempt comes.
    """
    known: Document | None = None
    failures = 0
    async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=True, headers=HEADERS) as client:
        while not stop.is_set():
            pause_s = every_s
            try:
                fetched = await _unless_stopped(client, url, known, stop)
                if fetched is not None and (known is None or fetched.data != known.data):
                    report(await desk.take(fetched.data, feed_name(url), complete=True))
                known = fetched or known
                failures = 0
            except (FetchError, UnreadableAdvisoriesError, KafkaError) as failed:
                failures += 1
                asked = failed.retry_after_s if isinstance(failed, FetchError) else None
                backoff = min(LONGEST_PAUSE_S, every_s * 2 ** min(failures, 10))
                pause_s = max(asked or 0.0, backoff * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
                trouble(str(failed) or type(failed).__name__, pause_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)


async def _unless_stopped(
    client: httpx.AsyncClient, url: str, known: Document | None, stop: asyncio.Event
) -> Document | None:
    """Fetch, but give up as soon as `stop` is set: then nothing has changed."""
    fetching = asyncio.ensure_future(fetch_changed(client, url, known))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not fetching.done():
        fetching.cancel()
        await asyncio.wait({fetching})
        return known
    return fetching.result()
