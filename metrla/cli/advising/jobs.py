"""The commands themselves, once their options are read."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer
from aiokafka.errors import KafkaConnectionError

from metrla.cli.advising.desk import Desk
from metrla.cli.advising.report import Imported, summary
from metrla.cli.advising.watching import watch
from metrla.data.web import FetchError, feed_name, fetch_document
from shared.alerts.advisories.documents.draft import DocumentFormat, UnreadableAdvisoriesError
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.kafka.admin import ensure_topics
from shared.kafka.advisories import read_standing
from shared.kafka.producer import open_producer
from shared.runtime.clock import wall_clock
from shared.traffic.network import Network

CLIENT_ID = "metrla-advisories"


async def import_places(
    servers: str,
    networks: Sequence[Network],
    places: Sequence[str],
    form: DocumentFormat | None,
    *,
    complete: bool,
    dry_run: bool,
) -> list[Imported]:
    """Import files and URLs one after the other; a dry run does without a broker where none answers."""
    async with AsyncExitStack() as held:
        standing: dict[AdvisoryId, TrafficAdvisory] = {}
        producer = None
        try:
            await ensure_topics(servers)
            standing = await read_standing(servers, CLIENT_ID)
            producer = None if dry_run else await held.enter_async_context(open_producer(servers, CLIENT_ID))
        except KafkaConnectionError:
            if not dry_run:
                raise
            typer.echo(f"No broker answers at {servers}: everything is taken for new.", err=True)
        desk = Desk(networks, standing, producer, wall_clock, form)
        return [await _taken(desk, place, complete=complete) for place in places]


async def watch_feed(
    servers: str, networks: Sequence[Network], url: str, every_s: float, form: DocumentFormat | None
) -> None:
    """Watch a feed until SIGINT or SIGTERM, telling every change and trouble in a line."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await ensure_topics(servers)
    standing = await read_standing(servers, CLIENT_ID)
    async with open_producer(servers, CLIENT_ID) as producer:
        typer.echo(f"Watching {feed_name(url)} every {every_s:g} s; Ctrl-C ends it.")
        await watch(
            url,
            every_s,
            Desk(networks, standing, producer, wall_clock, form),
            stop,
            lambda outcome: typer.echo(f"{wall_clock():%H:%M:%SZ} {summary(outcome)}"),
            lambda fault, pause_s: typer.echo(
                f"{wall_clock():%H:%M:%SZ} {fault}; next attempt in {pause_s:.0f} s", err=True
            ),
        )
    typer.echo("Stopped; what was published stands.")


async def _taken(desk: Desk, place: str, *, complete: bool) -> Imported:
    name = feed_name(place) or "standard input"
    try:
        fetched = await fetch_document(place)
        return Imported(name, await desk.take(fetched.data, feed_name(place), complete=complete))
    except (FetchError, UnreadableAdvisoriesError) as unreadable:
        return Imported(name, None, str(unreadable))
