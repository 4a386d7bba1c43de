"""The `metrla` command: wires the sub-commands and turns foreseen errors into one line and an exit code."""

import logging
import sys
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from metrla import __version__
from metrla.cli import (
    advisories,
    archive,
    data,
    dead_letters,
    feed,
    history,
    keys,
    models,
    network,
    schemas,
    stack,
    store,
    topics,
)
from metrla.cli.demo import demo
from metrla.cli.evaluate import evaluate
from metrla.cli.evaluate_alerts import evaluate_alerts
from metrla.cli.evaluate_durations import evaluate_durations
from metrla.cli.evaluate_expectations import evaluate_expectations
from metrla.cli.run import run
from metrla.cli.settings import settings
from metrla.cli.train import train
from metrla.terminal import run_command, say
from shared.events.errors import ConfigurationError, MetrlaError
from shared.events.text import one_line
from shared.runtime.process import EXIT_FAILED, EXIT_MISCONFIGURED

TRACEBACK = "--traceback"

app = typer.Typer(
    name="metrla",
    help="Traffic prediction for freeway sensor networks: feeds in, history, forecasts and alerts out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(run)
app.command()(train)
app.command()(evaluate)
app.command()(evaluate_alerts)
app.command()(evaluate_durations)
app.command()(evaluate_expectations)
app.command()(settings)
for group in (
    *(feed, advisories, network, models, data, archive, history, topics, dead_letters, schemas, store, keys, stack),
):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2].replace("_", "-"))


def _say_version(on: bool) -> None:
    if on:
        say(f"metrla {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_say_version)
    ] = False,
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Show where in the code an unexpected failure happened.")
    ] = False,
) -> None:
    """Options of the command itself."""
    del version, traceback


def main() -> None:
    """Run the command; the entry point of the `metrla` script.

    Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
    """
    # What libraries log where nobody has set logging up, as each failed connection: the one line below says it all.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        sys.exit(run_command(app, "metrla"))
    except ConfigurationError as wrong:
        _leave(str(wrong), EXIT_MISCONFIGURED)
    except MetrlaError as failed:
        _leave(str(failed), EXIT_FAILED)
    except KafkaError as failed:
        _leave(f"Kafka: {failed}", EXIT_FAILED)
    except OSError as failed:
        _leave(one_line(failed), EXIT_FAILED)
    except Exception as unexpected:
        # The boundary to the user: one line, whatever happened.
        if TRACEBACK in sys.argv:
            raise
        _leave(f"unexpected {type(unexpected).__name__}: {one_line(unexpected)} ({TRACEBACK} shows where)", EXIT_FAILED)


def _leave(reason: str, code: int) -> None:
    say(f"metrla: {' '.join(reason.split())}", err=True)
    sys.exit(code)
