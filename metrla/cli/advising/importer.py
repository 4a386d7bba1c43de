"""Advisories from documents onto the log: of files and URLs once, of a feed again and again."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from prometheus_client import CollectorRegistry

from metrla.cli.advising.report import Imported, count, print_features, summary
from metrla.data.web import HEADERS, TIMEOUT_S, FetchError, Pages, feed_name, fetch_document, fetch_pages
from metrla.terminal import say
from shared.alerts.advisories.documents.draft import DocumentFormat, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.alerts.advisories.documents.importing import ImportResult, prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.paging import next_url
from shared.alerts.advisories.documents.reading import Reader
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.kafka.admin import ensure_topics
from shared.kafka.advisories import publish, read_newest
from shared.kafka.persistence import Pauses, StoppingError, pause, unless_stopped
from shared.kafka.producer import open_producer
from shared.runtime.clock import Clock, wall_clock
from shared.runtime.metrics import AdvisoryMetrics
from shared.runtime.probes import serve_probes
from shared.runtime.settings import PlatformSettings
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
    zones: ZoneTable = NO_ZONES
    _matchers: list[Matcher] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the roads."""
        self._matchers = [Matcher(network) for network in self.networks]

    async def take(self, pages: Pages, feed: str, *, complete: bool) -> ImportResult:
        """Publish what a document changes; raises `UnreadableAdvisoriesError` where it cannot be read."""
        reader = Reader(self.networks[0].time_zone, self.clock(), self.form, self.zones)
        parsed = reader.read(*pages.data, left=pages.left, headers=pages.headers)
        outcome = prepare(parsed, self._matchers, self.known, feed, complete=complete, now=self.clock())
        if self.producer is not None:
            await publish(self.producer, outcome.changes)
        self.known.update({change.advisory_id: change for change in outcome.changes})
        return outcome


async def import_places(
    servers: str,
    networks: Sequence[Network],
    places: Sequence[str],
    form: DocumentFormat | None,
    zones: ZoneTable = NO_ZONES,
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
            say(f"No broker answers at {servers}: every advisory counts as new.", err=True)
        importer = Importer(networks, known, producer, wall_clock, form, zones)
        return [await _imported(importer, place, complete=complete) for place in places]


@dataclass(frozen=True)
class Watched:
    """What is watched: the feed, how often it is asked, and how it is read and told.

    `verbose` names every feature that is not read in full. With `metrics_port` (0 picks one) figures are served there.
    """

    url: str
    every_s: float
    form: DocumentFormat | None = None
    zones: ZoneTable = NO_ZONES
    verbose: bool = False
    metrics_port: int | None = None


async def watch_feed(settings: PlatformSettings, servers: str, networks: Sequence[Network], watched: Watched) -> None:
    """Watch a feed until SIGINT or SIGTERM; print a line for each change and each failure."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await ensure_topics(servers)
    known = await read_newest(servers, CLIENT_ID)
    registry = CollectorRegistry()
    metrics = AdvisoryMetrics(registry)

    def report(outcome: ImportResult) -> None:
        count(metrics, outcome)
        say(f"{wall_clock():%H:%M:%SZ} {summary(outcome)}")
        if watched.verbose:
            print_features(outcome)

    def trouble(fault: str, pause_s: float) -> None:
        metrics.failures.inc()
        say(f"{wall_clock():%H:%M:%SZ} {fault}; next attempt in {pause_s:.0f} s", err=True)

    async with AsyncExitStack() as held:
        producer = await held.enter_async_context(open_producer(servers, CLIENT_ID))
        if watched.metrics_port is not None:
            probed = settings.model_copy(update={"metrics_port": watched.metrics_port})
            port = await held.enter_async_context(serve_probes(probed, registry, lambda: None))
            say(f"Figures at http://{settings.metrics_host}:{port}/metrics.")
        say(f"Watching {feed_name(watched.url)} every {watched.every_s:g} s; Ctrl-C ends it.")
        importer = Importer(networks, known, producer, wall_clock, watched.form, watched.zones)
        await watch(watched.url, watched.every_s, importer, stop, report, trouble)
    say("Stopped. What was published stays in force.")


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
    known: Pages | None = None
    pauses = Pauses(every_s, max(every_s, LONGEST_PAUSE_S))
    async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=HEADERS) as client:
        while not stop.is_set():
            pause_s = every_s
            try:
                before = None if known is None else known.documents
                job = fetch_pages(client, url, next_url, before)
                fetched = await unless_stopped("fetching of the feed", job, stop)
                if known is None or (fetched.data, fetched.left) != (known.data, known.left):
                    report(await importer.take(fetched, feed_name(url), complete=True))
                known = fetched
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
        pages = await fetch_document(place, next_url)
        return Imported(name, await importer.take(pages, feed_name(place), complete=complete))
    except (FetchError, UnreadableAdvisoriesError) as unreadable:
        return Imported(name, None, str(unreadable))
