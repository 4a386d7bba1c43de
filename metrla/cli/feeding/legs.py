"""The legs of a feed, sent one after the other: with progress, Ctrl-C and a summary."""

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from metrla.cli.broker import answered
from metrla.data.feeds.damage import Damager
from metrla.data.feeds.delivery import Delivery, Pace
from metrla.data.feeds.writer import FeedCounts, FeedWriter
from metrla.terminal import console, say
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import open_producer
from shared.runtime.process import stop_with_parent
from shared.runtime.settings import PlatformSettings

EXIT_INTERRUPTED = 130
PLAIN_LINE_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of a feed, sent at its own pace. `extent` is its event time from and to, where it ends."""

    title: str
    deliveries: Iterable[Delivery]
    pace: Pace
    extent: tuple[datetime, datetime] | None = None


@dataclass(slots=True)
class Sent:
    """What a whole feed has sent, and the signal that ended it, if any."""

    events: int = 0
    damaged: int = 0
    seconds: float = 0.0
    last: datetime | None = None
    ended_by: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C; SIGTERM ends it in good order."""
        return EXIT_INTERRUPTED if self.ended_by is signal.SIGINT else 0


def send_legs(legs: Iterable[Leg], settings: PlatformSettings, zone: ZoneInfo, damaged_share: float, seed: int) -> Sent:
    """Send the legs one after the other until they end or SIGINT or SIGTERM comes, and say what was sent.

    Raises:
        MetrlaError: no broker answers.
    """
    damager = Damager(damaged_share, seed) if damaged_share else None
    sent = answered(settings.kafka_bootstrap_servers, _send(legs, settings, zone, damager))
    rate = sent.events / sent.seconds if sent.seconds else 0.0
    say(
        f"{sent.events:,} events sent in {sent.seconds:.1f} s ({rate:,.0f}/s)"
        + (f", up to {_shown(sent.last, zone)}" if sent.last else "")
        + (f"; {sent.damaged:,} damaged copies with them" if sent.damaged else "")
        + ("; stopped" if sent.ended_by else "")
    )
    return sent


async def _send(legs: Iterable[Leg], settings: PlatformSettings, zone: ZoneInfo, damager: Damager | None) -> Sent:
    sent, stop = Sent(), asyncio.Event()

    def end(by: signal.Signals) -> None:
        sent.ended_by = by
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    watcher = asyncio.create_task(stop_with_parent(stop)) if settings.stop_with_parent else None
    try:
        await ensure_topics(settings.kafka_bootstrap_servers)
        async with open_producer(settings.kafka_bootstrap_servers, "metrla-feed") as producer:
            writer = FeedWriter(producer, damager)
            for leg in legs:
                with _progress(leg, zone) as report:
                    counts = await writer.write(leg.deliveries, leg.pace, stop, report)
                sent.events += counts.events
                sent.damaged += counts.damaged.total()
                sent.seconds += counts.seconds
                sent.last = counts.last or sent.last
                if stop.is_set():
                    break
    finally:
        if watcher is not None:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    return sent


@contextmanager
def _progress(leg: Leg, zone: ZoneInfo) -> Iterator["_Report"]:
    terminal = console(err=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(
            "{task.fields[event_time]}  {task.fields[events]:,} events  {task.fields[rate]:,.0f}/s", markup=False
        ),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        yield _Report(leg, zone, bar, plain=not terminal.is_terminal)


class _Report:
    """Shows what has been sent: a bar on a terminal, else a line every ten seconds."""

    def __init__(self, leg: Leg, zone: ZoneInfo, bar: Progress, *, plain: bool) -> None:
        self._leg, self._zone, self._bar, self._plain = leg, zone, bar, plain
        self._line_due = time.monotonic() + PLAIN_LINE_EVERY_S
        total = (leg.extent[1] - leg.extent[0]).total_seconds() if leg.extent else None
        self._task = bar.add_task(leg.title, total=total, event_time="", events=0, rate=0.0)

    def __call__(self, counts: FeedCounts) -> None:
        """Show the present state of the leg."""
        event_time = _shown(counts.last, self._zone) if counts.last else "waiting"
        rate = counts.events / counts.seconds if counts.seconds else 0.0
        done = (counts.last - self._leg.extent[0]).total_seconds() if counts.last and self._leg.extent else 0.0
        self._bar.update(self._task, completed=done, event_time=event_time, events=counts.events, rate=rate)
        if self._plain and time.monotonic() >= self._line_due:
            self._line_due = time.monotonic() + PLAIN_LINE_EVERY_S
            say(f"{self._leg.title}: {event_time}, {counts.events:,} events, {rate:,.0f}/s", err=True)


def _shown(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"
