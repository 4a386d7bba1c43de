"""Feeds the scenario at a steady rate, waits for the faults that are due, and notes what it fed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.scenario import Fed
from tests.chaos.truth import SEQUENCE_HEADER, Truth

MESSAGES_AT_ONCE = 50
# Longer than any fault keeps the broker away.
PATIENCE_MS = 180_000
MAX_REQUEST_BYTES = 16 * 1024 * 1024

Gate = Callable[[int], Awaitable[None]]


async def feed_all(
    bootstrap_servers: str,
    messages: Iterator[Fed],
    rate_per_s: float,
    truth: Truth,
    gate: Gate,
    on_progress: Callable[[int], None],
) -> int:
    """Feed everything; returns how many messages that were.

    Args:
        bootstrap_servers: Kafka brokers.
        messages: in the order to send.
        rate_per_s: messages per second of wall time; a pause of the broker is not made up for.
        truth: takes down what was sent.
        gate: returns once the faults due after so many messages are under way.
        on_progress: called with the number of messages sent so far.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id="chaos-feeder",
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        request_timeout_ms=PATIENCE_MS,
        # A hostile message of 2 MB fits into a log that takes 1 MB once it is compressed.
        compression_type="gzip",
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    sent = 0
    loop = asyncio.get_running_loop()
    try:
        while batch := list(islice(messages, MESSAGES_AT_ONCE)):
            began = loop.time()
            await gate(sent)
            numbered = list(enumerate(batch, sent))
            truth.note(numbered)
            await _send(producer, numbered, truth)
            sent += len(batch)
            on_progress(sent)
            await asyncio.sleep(max(0.0, len(batch) / rate_per_s - (loop.time() - began)))
        await gate(sent)
    finally:
        await producer.stop()
    return sent


async def _send(producer: AIOKafkaProducer, numbered: list[tuple[int, Fed]], truth: Truth) -> None:
    """Send until the log has them all; what is sent a second time is told apart by its offset, not by its number."""
    left = numbered
    while left:
        promises = [
            await producer.send(
                fed.topic,
                key=fed.key,
                value=fed.value,
                headers=[(SEQUENCE_HEADER, str(number).encode())],
            )
            for number, fed in left
        ]
        outcomes = await asyncio.gather(*promises, return_exceptions=True)
        failed = [entry for entry, outcome in zip(left, outcomes, strict=True) if isinstance(outcome, BaseException)]
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, KafkaError):
                raise outcome
        again = {number for number, _ in failed}
        truth.acknowledge(number for number, _ in left if number not in again)
        left = failed
