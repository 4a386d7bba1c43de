"""A demo from beginning to end: train, start, feed, show, stop, sum up."""

import asyncio
import signal
import sys
import time
from contextlib import closing
from datetime import datetime, timedelta

from rich.live import Live

from metrla.local.launcher import display
from metrla.local.launcher.figures import Figures, FiguresReader
from metrla.local.launcher.plan import PipelinePlan, free_port, require_free
from metrla.local.launcher.process import ChildProcess, LaunchError
from metrla.local.launcher.real_servers import bring_up, continued_start
from metrla.local.launcher.request import (
    DemoRequest,
    broker_retention_bytes,
    feed_arguments,
    ingest_settings,
    training_arguments,
)
from metrla.local.launcher.state import claimed_anew
from metrla.local.launcher.supervisor import Supervisor, supervise
from metrla.local.launcher.weights import ShippedWeights
from metrla.terminal import console
from shared.archive.layout import RAW_ROOT
from shared.archive.url import open_archive
from shared.forecasting.registry.pretrained import PretrainedModels
from shared.kafka.persistence import StoppingError, unless_stopped
from shared.runtime.clock import wall_clock
from shared.runtime.process import EXIT_MISCONFIGURED
from shared.traffic.folder import load_network
from shared.traffic.network import Network

SERVICES = ("ingest", "predictor", "alert-detector")
REFRESH_S = 1.0
PLAIN_LINE_EVERY_S = 10.0
# Once the feed has ended and nothing has changed for this long, all of it is processed.
SETTLED_S = 15.0
FEED_GRACE_S = 10.0
TRAINER_GRACE_S = 3.0
EXIT_INTERRUPTED = 130


async def run_demo(request: DemoRequest) -> int:
    """Run a demo until its duration is over, its feed is processed (where asked), or Ctrl-C; returns the exit code."""
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    network = load_network(request.network_folder)
    require_free(request.port)
    begin, addresses = request.begin, dict[str, str]()
    if request.stack is not None:
        addresses = (await bring_up(request.stack, console().print)).addresses()
        log_address = addresses["METRLA_KAFKA_BOOTSTRAP_SERVERS"]
        begin = await continued_start(request, network, log_address, wall_clock()) or begin
    plan = PipelinePlan(
        state=request.state,
        networks=[request.network_folder],
        broker_port=free_port(),
        gateway_port=request.port,
        broker_retention_bytes=broker_retention_bytes(request),
        settings={"METRLA_LOG_FORMAT": "json", **addresses, **ingest_settings(request, network.reading_interval)},
    )
    with claimed_anew(request.state):
        if not _install(request, plan, network) and not await _train(request, plan, begin, network.window, stop):
            return EXIT_INTERRUPTED
        return await _Demo(request, plan, network, stop).run([*feed_arguments(request, begin, network.window)])


def _install(request: DemoRequest, plan: PipelinePlan, network: Network) -> bool:
    """Put the models that come with metrla into the archive where they are of this network; says so, or why not."""
    out, shipped = console(), PretrainedModels()
    if request.data is None:
        # What is simulated is not the traffic that they have learned.
        return False
    weights = ShippedWeights.of(network, shipped)
    if weights is None:
        found = shipped.recognise(network)
        if found.shipped_id is not None:
            out.print(f"{found.reason}: training a quick model instead", style="yellow")
        return False
    with closing(open_archive(plan.archive_url)) as archive:
        weights.install(archive, network.network_id)
    out.print(
        f"{network.name}: recognised by its sensors and edges; the models that come with metrla for "
        f"{weights.shipped_id} serve, nothing is trained ({', '.join(weights.models)})",
        soft_wrap=True,
    )
    if request.begin is not None and weights.have_seen(datetime.fromisoformat(request.begin)):
        out.print("they were made from some of what is replayed: forecasts of it look too good", style="yellow")
    return True


async def _train(
    request: DemoRequest, plan: PipelinePlan, begin: str | None, window: timedelta, stop: asyncio.Event
) -> bool:
    """Train in a process of its own, which shows its progress; False when interrupted."""
    trainer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "metrla", "train", *training_arguments(request, plan.archive_url, begin, window)),
        env=plan.environment(),
        start_new_session=True,
    )
    ended, stopped = asyncio.create_task(trainer.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not ended.done():
        # Into its bars, which it wipes away.
        console().print("\nstopping the training")
        trainer.terminate()
        if not (await asyncio.wait({ended}, timeout=TRAINER_GRACE_S))[0]:
            # It listens between two parts of its work, and nothing of it is needed.
            trainer.kill()
        await ended
        return False
    if status := await ended:
        # A short file is not an error: until there is a model, forecasts are historical averages, and say so.
        if status != EXIT_MISCONFIGURED or request.data is None:
            raise LaunchError(f"training ended with status {status}")
        console().print("no model could be trained: the forecasts will be historical averages", style="yellow")
    return True


class _Demo:
    def __init__(self, request: DemoRequest, plan: PipelinePlan, network: Network, stop: asyncio.Event) -> None:
        self._request, self._plan, self._stop = request, plan, stop
        # Names of networks and lines of logs are no markup, whatever brackets they have.
        self._console = console()
        self._network, self._zone = network, network.time_zone
        self._figures = Figures()
        self._began = time.monotonic()
        self._feed_failed: int | None = None

    async def run(self, feed_command: list[str]) -> int:
        async with supervise(lambda line: self._console.print(line, style="yellow")) as supervisor:
            with self._console.status("starting broker and services"):
                feed = await self._start(supervisor, feed_command)
            if feed is None:
                self._console.print("stopping before everything has started")
                return EXIT_INTERRUPTED
            self._console.print(
                display.whereabouts(self._plan, self._request.feed_text(self._network.name)), soft_wrap=True
            )
            reader = FiguresReader(self._plan.gateway_url)
            await self._show(supervisor, feed, reader)
            self._console.print("stopping: first the feed, then the services")
            await feed.stop(FEED_GRACE_S)
            self._figures = await reader.read(supervisor.children)
        self._console.print(
            display.summary(supervisor.children, self._figures, self._elapsed(), self._archived()), soft_wrap=True
        )
        if supervisor.failure is not None:
            raise supervisor.failure
        if self._feed_failed is not None:
            raise LaunchError(f"the feed ended with status {self._feed_failed}")
        if self._request.stack is not None:
            self._console.print("the servers keep running, with their data; `metrla stack down` stops them")
        return 0

    async def _start(self, supervisor: Supervisor, feed_command: list[str]) -> ChildProcess | None:
        """Start everything; the feed, or `None` where it is to stop before."""

        async def all_of_it() -> ChildProcess:
            if self._request.stack is None:
                await supervisor.start(self._plan.broker())
            # The feed reads its file while the services start; what it sends waits for them on the log.
            *_, feed = await supervisor.start(
                *(self._plan.service(name) for name in SERVICES),
                self._plan.gateway(),
                self._plan.feed(feed_command),
            )
            return feed

        try:
            return await unless_stopped("start", all_of_it(), self._stop)
        except StoppingError:
            return None

    async def _show(self, supervisor: Supervisor, feed: ChildProcess, reader: FiguresReader) -> None:
        ends = [asyncio.create_task(self._stop.wait()), asyncio.create_task(supervisor.failed.wait())]
        last_change, last_line, feed_ended = time.monotonic(), 0.0, False
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while not any(end.done() for end in ends) and not self._over():
                figures, now = await reader.read(supervisor.children), time.monotonic()
                if feed.running or figures != self._figures:
                    last_change = now
                self._figures = figures
                status = display.status(supervisor.children, figures, self._elapsed(), self._zone)
                if self._console.is_terminal:
                    live.update(status, refresh=True)
                elif now - last_line >= PLAIN_LINE_EVERY_S:
                    last_line = now
                    self._console.print(display.progress_line(figures, self._elapsed(), self._zone), soft_wrap=True)
                if not feed.running and not feed_ended:
                    feed_ended = True
                    self._announce_end(feed)
                if self._feed_failed is not None:
                    break
                if feed_ended and self._request.exit_when_fed and now - last_change >= SETTLED_S and not figures.lag:
                    break
                await asyncio.wait(ends, timeout=REFRESH_S, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()

    def _announce_end(self, feed: ChildProcess) -> None:
        if feed.returncode:
            self._feed_failed = feed.returncode
            self._console.print(f"the feed ended with status {feed.returncode}:\n{feed.log_tail()}", style="red")
        elif not self._request.exit_when_fed:
            self._console.print("the feed has ended; the page stays up until Ctrl-C")

    def _archived(self) -> str:
        files = list(open_archive(self._plan.archive_url).list(RAW_ROOT))
        return f"{len(files):,} files, {sum(file.size_bytes for file in files) / display.MIB:.1f} MiB"

    def _over(self) -> bool:
        return self._request.duration is not None and self._elapsed() >= self._request.duration

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self._began)
