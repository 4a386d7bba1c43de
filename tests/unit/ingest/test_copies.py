"""Originals are looked up where headers say that they are, in as few stretches of the log as there may be."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from structlog.testing import capture_logs

from services.ingest import copies
from services.ingest.copies import GAP, read_origins
from shared.events.topics import TRAFFIC_EVENTS

PARTITIONS = [TopicPartition(TRAFFIC_EVENTS.name, number) for number in (0, 1)]
END = 100_000


class Reader:
    """Knows where the log ends."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, END)


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
    read: list[tuple[int, int, int]] = []

    async def read_range(_: Any, partition: TopicPartition, start: int, end: int) -> list[ConsumerRecord]:  # noqa: ANN401 - a reader
        read.append((partition.partition, start, end))
        return [
            ConsumerRecord(partition.topic, partition.partition, offset, 0, 0, b"k", b"v", None, 1, 1, ())
            for offset in range(start, end)
        ]

    monkeypatch.setattr(copies, "read_range", read_range)
    return read


async def found(places: list[tuple[int, int]], most_runs: int = 32) -> list[tuple[int, int]]:
    reader: Any = Reader()
    return sorted(await read_origins(reader, PARTITIONS, places, most_runs))


async def test_places_close_together_are_read_together(ranges: list[tuple[int, int, int]]) -> None:
    places = [(0, 5), (0, 5 + GAP), (1, 7), (0, 50_000)]
    assert await found(places) == sorted(places)
    assert sorted(ranges) == [(0, 5, 6 + GAP), (0, 50_000, 50_001), (1, 7, 8)]


async def test_places_that_there_are_not_are_not_waited_for(ranges: list[tuple[int, int, int]]) -> None:
    assert await found([(0, END), (0, 2**63), (9, 1), (-1, -1)]) == []
    assert ranges == []


async def test_made_up_places_all_over_the_log_cost_a_bounded_time(ranges: list[tuple[int, int, int]]) -> None:
    honest = [(1, offset) for offset in range(100)]
    made_up = [(0, number * 2 * GAP) for number in range(90)]
    with capture_logs() as lines:
        assert set(honest) <= set(await found([*made_up, *honest], most_runs=4))
    assert len(ranges) == 4
    assert [line["stretches"] for line in lines] == [87]
