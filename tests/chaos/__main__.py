"""`python -m tests.chaos`: a fault run that is the same for the same seed, and its audit; see docs/operations.md."""

import asyncio
import logging
import shutil
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from metrla.local.stack import jars
from shared.events.errors import ConfigurationError, MetrlaError
from tests.chaos import report
from tests.chaos.run import Outcome, Request, Watcher, run
from tests.chaos.servers import EmbeddedServers, NativeServers, Servers

SERVICES = "ingest,predictor,alert-detector,gateway"
MARKER = "metrla-chaos"
EXIT_DIRTY, EXIT_MISCONFIGURED, EXIT_INTERRUPTED = 1, 2, 130


def main(
    readings: Annotated[int, typer.Option(help="Distinct readings to feed.", min=1_000)] = 5_000,
    kills: Annotated[int, typer.Option(help="SIGKILLs of each service; servers get 3 for every 20.", min=0)] = 3,
    seed: Annotated[int, typer.Option(help="Seed: the same one feeds and strikes alike.", min=0)] = 1,
    stack: Annotated[
        Literal["native", "kafka", "embedded"],
        typer.Option(help="native: Kafka, HDFS, HBase; kafka: Kafka, folder, SQLite; embedded: no server is struck."),
    ] = "native",
    services: Annotated[str, typer.Option(help="Services to run, comma-separated.")] = SERVICES,
    rate: Annotated[
        float | None, typer.Option(help="Messages per second.", show_default="by the faults", min=1)
    ] = None,
    hostile: Annotated[  # noqa: FBT002 - a flag of Typer
        bool, typer.Option("--hostile", help="Mix in what nobody can use, wrong clocks and odd ids.")
    ] = False,
    state: Annotated[Path, typer.Option(help="Folder of the run; an earlier run's is emptied.")] = Path(
        ".metrla/chaos"
    ),
    report_file: Annotated[Path | None, typer.Option("--report", help="Write the report as Markdown.")] = None,
) -> None:
    """Feed readings while processes and servers are killed, then prove that nothing was lost or doubled."""
    console = Console()
    # Its clients say hundreds of times that a broker is away, which is what the run is about.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    request = Request(state.absolute(), readings, kills, seed, stack, services.split(","), rate, hostile)
    try:
        _make_anew(request.state)
        outcome = asyncio.run(_until_done_or_interrupted(request, _servers(request), console))
    except ConfigurationError as wrong:
        console.print(f"chaos: {wrong}", style="red", soft_wrap=True)
        raise typer.Exit(EXIT_MISCONFIGURED) from wrong
    except MetrlaError as failed:
        console.print(f"chaos: {failed}", style="red", soft_wrap=True)
        raise typer.Exit(EXIT_DIRTY) from failed
    if outcome is None:
        console.print("interrupted; everything that was started is stopped")
        raise typer.Exit(EXIT_INTERRUPTED)
    console.print(report.terminal(outcome), soft_wrap=True)
    if report_file is not None:
        report_file.write_text(report.markdown(request, outcome), encoding="utf-8")
    console.print(outcome.findings.line)
    raise typer.Exit(0 if outcome.findings.clean else EXIT_DIRTY)


def _servers(request: Request) -> Servers:
    if request.stack == "embedded":
        return EmbeddedServers()
    for name in jars.missing():
        jars.fetch(name)
    return NativeServers(request.state / "stack", ["kafka"] if request.stack == "kafka" else None)


async def _until_done_or_interrupted(request: Request, servers: Servers, console: Console) -> Outcome | None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("starting", total=None)

        def announce(line: str) -> None:
            console.print(f"  {line}", style="dim", soft_wrap=True, highlight=False)

        def phase(text: str) -> None:
            if not console.is_terminal and text != progress.tasks[bar].description:
                console.print(text, soft_wrap=True, highlight=False)
            progress.update(bar, description=text)

        watcher = Watcher(announce, phase, lambda total, sent: progress.update(bar, total=total, completed=sent))
        running = asyncio.create_task(run(request, servers, watcher))
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signal_number, running.cancel)
        try:
            return await running
        except asyncio.CancelledError:
            return None


def _make_anew(state: Path) -> None:
    """Empty the folder of an earlier run."""
    if state.exists() and any(state.iterdir()) and not (state / MARKER).exists():
        raise ConfigurationError(f"{state} is not empty and not of an earlier run; choose another --state")
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    (state / MARKER).touch()


if __name__ == "__main__":
    typer.run(main)
