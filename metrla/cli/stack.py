"""`metrla stack`: real Kafka, HDFS and HBase on this machine, without Docker."""

import os
from pathlib import Path
from typing import Annotated

import typer

from metrla.cli.tables import plain_table, print_tables
from metrla.local.stack import jars
from metrla.local.stack.control import NativeStack
from metrla.local.stack.hbase_shell import shell_command
from metrla.local.stack.shape import DEFAULT_RUN, FILE, StackShape, free_ports, read_shape, write_shape
from metrla.terminal import confirm, console, say
from shared.events.errors import ConfigurationError

MIB = 1024 * 1024

app = typer.Typer(help="Real Kafka, HDFS and HBase on this machine, a JVM each, without Docker.", no_args_is_help=True)
Run = Annotated[Path, typer.Option("--run", help="Folder for data, configuration and logs.", file_okay=False)]


@app.command()
def fetch() -> None:
    """Fetch the jars from Maven Central into the user's cache (about 230 MB, once)."""
    jars.java()
    terminal = console()
    for name in jars.missing():
        with terminal.status(f"fetching the jars of {name}"):
            jars.fetch(name)
        terminal.print(f"{name}: {jars.library(name)}", soft_wrap=True)
    terminal.print("all jars are in place")


@app.command()
def up(
    run: Run = DEFAULT_RUN,
    hbase_on_hdfs: Annotated[
        bool, typer.Option("--hbase-on-hdfs", help="HBase as a cluster with its root on HDFS, not standalone.")
    ] = False,
    free: Annotated[
        bool, typer.Option("--free-ports", help="Choose ports that are free instead of the usual ones.")
    ] = False,
) -> None:
    """Start the servers that are not running, and return when all are ready.

    A stack keeps its data, its ports and its kind of HBase from one start to the next. RUN/addresses.env has the
    settings with which the services use it.
    """
    fetch()
    terminal = console()
    shape = _shape(run, hbase_on_hdfs=hbase_on_hdfs, free=free)
    write_shape(run, shape)
    with terminal.status("starting the servers"):
        NativeStack(run, shape).up(lambda line: terminal.print(line, soft_wrap=True))
    for variable, value in shape.addresses().items():
        terminal.print(f"{variable}={value}", soft_wrap=True)


@app.command()
def down(run: Run = DEFAULT_RUN) -> None:
    """Stop every server; the data are kept."""
    _stack(run).down(console().print)


@app.command()
def reset(
    run: Run = DEFAULT_RUN,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop every server and delete all topics, files and tables: the next start begins with nothing."""
    if not (run / FILE).exists():
        raise ConfigurationError(f"{run} holds no stack")
    if not yes:
        confirm(f"Delete all data of the stack in {run}?")
    stack = _stack(run)
    stack.down(console().print)
    stack.wipe()
    say(f"the stack in {run} is empty")


@app.command()
def status(run: Run = DEFAULT_RUN) -> None:
    """Show each server; exit code 1 unless all are ready."""
    table = plain_table(("server", "pid", "state", "memory", "log"))
    states = list(_stack(run).states())
    for state in states:
        says = "ready" if state.ready else "starting" if state.pid else "stopped"
        memory = f"{state.rss_bytes / MIB:.0f} MiB" if state.pid else ""
        table.add_row(state.component.title, str(state.pid or ""), says, memory, str(state.log_file))
    print_tables(table, wide=True)
    raise typer.Exit(0 if all(state.ready for state in states) else 1)


@app.command("hbase-shell", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def hbase_shell(context: typer.Context, run: Run = DEFAULT_RUN) -> None:
    """Open the HBase shell (29 MB of jars, fetched the first time). It gets all other options, such as -n SCRIPT."""
    command = shell_command(run, context.args)
    os.execv(command[0], command)  # noqa: S606 - java with our own arguments: the terminal is the shell's from here on


def _shape(run: Path, *, hbase_on_hdfs: bool, free: bool) -> StackShape:
    shape = read_shape(run)
    if not (run / FILE).exists():
        return StackShape(free_ports() if free else shape.ports, hbase_on_hdfs)
    if hbase_on_hdfs and not shape.hbase_on_hdfs:
        raise ConfigurationError(
            f"the stack in {run} was made with HBase standalone: choose another --run, or `metrla stack reset` it first"
        )
    return shape


def _stack(run: Path) -> NativeStack:
    return NativeStack(run, read_shape(run))
