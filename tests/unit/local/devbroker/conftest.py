"""Batches made by hand."""

from collections.abc import Callable, Sequence

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

BatchBuilder = Callable[..., bytes]


@pytest.fixture(scope="session")
def build_batch() -> BatchBuilder:
    """Build a batch of (key, value) records, one millisecond apart."""

    def build(
        records: Sequence[tuple[bytes | None, bytes | None]],
        *,
        timestamp_ms: int = 1000,
        compression: int = 0,
        producer_id: int = -1,
        producer_epoch: int = -1,
        sequence: int = -1,
    ) -> bytes:
        builder = DefaultRecordBatchBuilder(
            magic=2,
            compression_type=compression,
            is_transactional=0,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=sequence,
            batch_size=10_000_000,
        )
        for index, (key, value) in enumerate(records):
            builder.append(index, timestamp_ms + index, key, value, [("h", b"1")])
        return bytes(builder.build())

    return build
