"""Advisories from documents onto the log: of files and URLs once, of a feed again and again."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from metrla.cli.advising.report import Imported, summary
from metrla.data.web import HEADERS, TIMEOUT_S, Document, FetchError, feed_name, fetch_changed, fetch_document
from shared.alerts.advisories.documents.draft import DocumentFormat, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.importing import ImportResult, prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import read_advisories
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.kafka.admin import ensure_topics
from shared.kafka.advisories import publish, read_newest
from shared.kafka.persistence import Pauses, StoppingError, pause, unless_stopped
from shared.kafka.producer import open_producer
from shared.runtime.clock import Clock, wall_clock
from shared.traffic.network import Network

CLIENT_ID = "metrla-advisories"
LONGEST_PAUSE_S = 900.0

Report = Callable[[ImportResult], None]
Trouble = Callable[[str, float], None]


@dataclass
class Importer:
    """Publishes what documents change for some networks.

    `known` are the advisories on the log. Without a producer nothing is written.
    """

    networks: Sequence[Network]
    known: dict[AdvisoryId, TrafficAdvisory]
    producer: AIOKafkaProducer | None
    clock: Clock
    form: DocumentFormat | None = None
    _matchers: list[Matcher] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the roads."""
        self._matchers = [Matcher(network) for network in self.networks]

    async def take(self, data: bytes, feed: str, *, complete: bool) -> ImportResult:
        """Publish what a document changes; raises `UnreadableAdvisoriesError` where it cannot be read."""
        parsed = read_advisories(data, self.networks[0].time_zone, self.clock(), self.form)
        outcome = prepare(parsed, self._matchers, self.known, feed, complete=complete)
        if self.producer is not None:
            await publish(self.producer, outcome.changes)
        self.known.update({change.advisory_id: change for change in outcome.changes})
        return outcome


async def import_places(
    servers: str,
    networks: Sequence[Network],
    places: Sequence[str],
    form: DocumentFormat | None,
    *,
    complete: bool,
    dry_run: bool,
) -> list[Imported]:
    """Import files and URLs one after the other; a dry run goes on without a broker where none answers."""
    async with AsyncExitStack() as held:
        known: dict[AdvisoryId, TrafficAdvisory] = {}
        producer = None
        try:
            await ensure_topics(servers)
            known = await read_newest(servers, CLIENT_ID)
            producer = None if dry_run else await held.enter_async_context(open_producer(servers, CLIENT_ID))
        except KafkaConnectionError:
            if not dry_run:
                raise
            typer.echo(f"No broker answers at {servers}: every advisory counts as new.", err=True)
        importer = Importer(networks, known, producer, wall_clock, form)
        return [await _imported(importer, place, complete=complete) for place in places]


async def watch_feed(
    servers: str, networks: Sequence[Network], url: str, every_s: float, form: DocumentFormat | None
) -> None:
    """Watch a feed until SIGINT or SIGTERM; print a line for each change and each failure."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await ensure_topics(servers)
    known = await read_newest(servers, CLIENT_ID)
    async with open_producer(servers, CLIENT_ID) as producer:
        typer.echo(f"Watching {feed_name(url)} every {every_s:g} s; Ctrl-C ends it.")
        await watch(
            url,
            every_s,
            Importer(networks, known, producer, wall_clock, form),
            stop,
            lambda outcome: typer.echo(f"{wall_clock():%H:%M:%SZ} {summary(outcome)}"),
            lambda fault, pause_s: typer.echo(
                f"{wall_clock():%H:%M:%SZ} {fault}; next attempt in {pause_s:.0f} s", err=True
            ),
        )
    typer.echo("Stopped. What was published stays in force.")


async def watch(
    url: str, every_s: float, importer: Importer, stop: asyncio.Event, report: Report, trouble: Trouble
) -> None:
    """Import the feed whenever it has changed, until `stop` is set.

    Args:
        url: where the feed is. It counts as complete: what it no longer holds is withdrawn.
        every_s: seconds between two requests.
        importer: what publishes.
        stop: ends the watch once the document in hand is done.
        report: told the outcome of each change of the feed.
        trouble: told what failed, and in how many seconds the next attempt follows.
    """
    known: Document | None = None
    pauses = Pauses(every_s, max(every_s, LONGEST_PAUSE_S))
    async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=HEADERS) as client:
        while not stop.is_set():
            pause_s = every_s
            try:
                fetched = await unless_stopped("fetching of the feed", fetch_changed(client, url, known), stop)
                if fetched is not None and (known is None or fetched.data != known.data):
                    report(await importer.take(fetched.data, feed_name(url), complete=True))
                known = fetched or known
                pauses.restart()
            except StoppingError:
                break
            except (FetchError, UnreadableAdvisoriesError, KafkaError) as failed:
                asked = failed.retry_after_s if isinstance(failed, FetchError) else None
                pause_s = max(asked or 0.0, pauses.longer())
                trouble(str(failed) or type(failed).__name__, pause_s)
            await pause(stop, pause_s)


async def _imported(importer: Importer, place: str, *, complete: bool) -> Imported:
    name = feed_name(place) or "standard input"
    try:
        document = await fetch_document(place)
        return Imported(name, await importer.take(document.data, feed_name(place), complete=complete))
    except (FetchError, UnreadableAdvisoriesError) as unreadable:
        return Imported(name, None, str(unreadable))
