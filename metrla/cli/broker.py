"""Questions to the broker: which one is asked, and one line where none answers."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer

from shared.events.errors import ConfigurationError, MetrlaError
from shared.runtime.settings import PlatformSettings, read_settings

Reply = TypeVar("Reply")

BootstrapOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        help="Kafka brokers, host:port, comma-separated.",
        show_default="METRLA_KAFKA_BOOTSTRAP_SERVERS",
        metavar="SERVERS",
    ),
]


def servers_of(given: str | None) -> str:
    """The brokers that an option names, or those of the settings."""
    return read_settings(PlatformSettings).kafka_bootstrap_servers if given is None else given


def answered(servers: str, question: Coroutine[Any, Any, Reply]) -> Reply:
    """The result of asking the broker; raises `MetrlaError` where none answers or is named."""
    from aiokafka.errors import KafkaConnectionError  # noqa: PLC0415 - aiokafka is slow to import

    if not servers.strip():
        question.close()
        raise ConfigurationError("no Kafka broker is named (--bootstrap-servers, METRLA_KAFKA_BOOTSTRAP_SERVERS)")
    try:
        return asyncio.run(question)
    except KafkaConnectionError as silent:
        raise MetrlaError(
            f"no Kafka broker answers at {servers} (--bootstrap-servers, METRLA_KAFKA_BOOTSTRAP_SERVERS)"
        ) from silent
