"""`metrla topics`: create the topics, say what is on them and how far their consumers are."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.broker import BootstrapOption, answered, servers_of
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say

if TYPE_CHECKING:
    from shared.kafka.inspection import TopicState

app = typer.Typer(help="Create the Kafka topics, and say what is on them.", no_args_is_help=True)


@app.command()
def create(
    bootstrap_servers: BootstrapOption = None,
    replication_factor: Annotated[int, typer.Option(min=1, help="Replicas of each partition.")] = 1,
) -> None:
    """Create the topics that are missing; leave those that exist as they are."""
    from shared.events.topics import TOPICS  # noqa: PLC0415 - the codecs behind it are slow to import
    from shared.kafka.admin import ensure_topics  # noqa: PLC0415 - likewise

    servers = servers_of(bootstrap_servers)
    created = answered(servers, ensure_topics(servers, TOPICS, replication_factor))
    for topic in TOPICS:
        settings = ", ".join(f"{name}={value}" for name, value in topic.settings().items())
        what = f"created, {topic.partitions} partitions, {settings}" if topic.name in created else "exists"
        say(f"{topic.name}: {what}")


@app.command()
def describe(
    bootstrap_servers: BootstrapOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say for each topic what it carries, how many messages are on it and how far behind its consumer groups are.

    Messages are offsets between beginning and end; of a compacted topic fewer may be left.
    """
    from shared.kafka.inspection import inspect_topics  # noqa: PLC0415 - aiokafka is slow to import

    servers = servers_of(bootstrap_servers)
    states = answered(servers, inspect_topics(servers))
    if as_json:
        say(json.dumps([_as_json(state) for state in states], indent=2))
    else:
        _print_table(states)
    missing = [state.topic.name for state in states if not state.partitions]
    if missing:
        say(f"Missing: {', '.join(missing)}. `metrla topics create` creates them.", err=True)


def _record(state: "TopicState") -> str:
    return "original bytes" if state.topic.record is None else state.topic.record.__name__


def _as_json(state: "TopicState") -> dict[str, object]:
    return {
        "topic": state.topic.name,
        "exists": state.partitions > 0,
        "partitions": state.partitions,
        "replication_factor": state.replication_factor,
        "key": state.topic.key,
        "record": None if state.topic.record is None else state.topic.record.__name__,
        "cleanup_policy": state.cleanup_policy,
        "messages": state.messages,
        "lag": dict(state.lag),
    }


def _print_table(states: "tuple[TopicState, ...]") -> None:
    headings = ("topic", "partitions", "key", "record", "cleanup", "messages", "lag by consumer group")
    table = plain_table(headings, right={"partitions", "messages"})
    for state in states:
        lag = "\n".join(f"{group_id}: {behind:,}" for group_id, behind in state.lag.items())
        partitions = str(state.partitions) if state.partitions else "missing"
        messages = f"{state.messages:,}" if state.partitions else ""
        table.add_row(
            state.topic.name, partitions, state.topic.key, _record(state), state.cleanup_policy, messages, lag or "-"
        )
    print_tables(table)
