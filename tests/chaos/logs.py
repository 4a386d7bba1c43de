"""Whole topics by a plain consumer, and records by fastavro and the published schemas alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import fastavro
from aiokafka import AIOKafkaConsumer, TopicPartition

SCHEMAS = Path(__file__).parents[2] / "schemas"
SINGLE_OBJECT_MARKER = b"\xc3\x01"
SINGLE_OBJECT_HEADER_BYTES = 10
POLL_MS = 1_000

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """One record as the log has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class AvroReader:
    """Single-object encoded Avro of one record type."""

    def __init__(self, record_name: str) -> None:
        definition = json.loads((SCHEMAS / f"{record_name}.avsc").read_text(encoding="utf-8"))
        self._schema = fastavro.parse_schema(definition)

    def read(self, value: bytes | None) -> Values:
        """The fields of a value; raises `ValueError` where it is not one."""
        if value is None or value[:2] != SINGLE_OBJECT_MARKER:
            raise ValueError(f"no single-object encoded Avro: {value!r:.60}")
        body = BytesIO(value[SINGLE_OBJECT_HEADER_BYTES:])
        return cast("Values", fastavro.schemaless_reader(body, self._schema, None))


async def read_topic(bootstrap_servers: str, topic: str, partitions: int) -> list[Logged]:
    """Every record of a topic, by partition and offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        client_id="chaos-auditor",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        found: list[Logged] = []
        for number in range(partitions):
            found += await _read_partition(consumer, TopicPartition(topic, number))
        return found
    finally:
        await consumer.stop()


async def _read_partition(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[Logged]:
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    consumer.seek(partition, (await consumer.beginning_offsets([partition]))[partition])
    found: list[Logged] = []
    while await consumer.position(partition) < end:
        batch = await consumer.getmany(partition, timeout_ms=POLL_MS)
        found += [
            Logged(record.partition, record.offset, record.key, record.value, dict(record.headers))
            for record in batch.get(partition, ())
        ]
    return found


async def end_offsets(bootstrap_servers: str, topics: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The end of every partition of topics given as (name, number of partitions)."""
    partitions = [TopicPartition(name, number) for name, numbers in topics for number in range(numbers)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, client_id="chaos-auditor")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {(partition.topic, partition.partition): end for partition, end in ends.items()}
