"""`metrla stack`: real Kafka, HDFS and HBase on this machine, without Docker."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from metrla.stack import jars
from metrla.stack.components import LOOPBACK, Ports
from metrla.stack.control import NativeStack

MIB = 1024 * 1024
HBASE_ON_HDFS = "hbase-on-hdfs"

app = typer.Typer(help="Real Kafka, HDFS and HBase on this machine, a JVM each, without Docker.", no_args_is_help=True)
Run = Annotated[Path, typer.Option("--run", help="Folder for data, configuration and logs.", file_okay=False)]
DEFAULT_RUN = Path(".metrla/stack")


@app.command()
def fetch() -> None:
    """Bring the jars from Maven Central into the user's cache (about 230 MB, once)."""
    console = Console()
    for name in jars.missing():
        with console.status(f"fetching the jars of {name}"):
            jars.fetch(name)
        console.print(f"{name}: {jars.library(name)}")
    console.print("all jars are there")


@app.command()
def up(
    run: Run = DEFAULT_RUN,
    hbase_on_hdfs: Annotated[
        bool, typer.Option("--hbase-on-hdfs", help="HBase as a cluster with its root on HDFS, not standalone.")
    ] = False,
) -> None:
    """Start what does not run yet and return when all of it is ready."""
    fetch()
    console = Console()
    run.mkdir(parents=True, exist_ok=True)
    mode = run / HBASE_ON_HDFS
    if hbase_on_hdfs:
        mode.touch()
    stack = _stack(run)
    with console.status("starting the servers"):
        stack.up(console.print)
    for variable, value in addresses(stack.ports).items():
        console.print(f"{variable}={value}", soft_wrap=True)


@app.command()
def down(run: Run = DEFAULT_RUN) -> None:
    """Stop every server; the data stay."""
    _stack(run).down(Console().print)


@app.command()
def status(run: Run = DEFAULT_RUN) -> None:
    """Show each server; exit code 1 unless all are ready."""
    table = Table(box=None, header_style="bold")
    for heading in ("server", "pid", "state", "memory", "log"):
        table.add_column(heading, overflow="fold")
    states = list(_stack(run).states())
    for state in states:
        says = "ready" if state.ready else "starting" if state.pid else "stopped"
        memory = f"{state.rss_bytes / MIB:.0f} MiB" if state.pid else ""
        table.add_row(state.component.title, str(state.pid or ""), says, memory, str(state.log_file))
    Console().print(table)
    raise typer.Exit(0 if all(state.ready for state in states) else 1)


def addresses(ports: Ports) -> dict[str, str]:
    """The settings with which the services use this stack."""
    return {
        "METRLA_KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{ports.kafka}",
        "METRLA_ARCHIVE_URL": f"webhdfs://{LOOPBACK}:{ports.namenode_http}/",
        "METRLA_STORE_URL": f"hbase://{LOOPBACK}:{ports.hbase_thrift}",
    }


def _stack(run: Path) -> NativeStack:
    return NativeStack(run, Ports(), hbase_on_hdfs=(run / HBASE_ON_HDFS).exists())
