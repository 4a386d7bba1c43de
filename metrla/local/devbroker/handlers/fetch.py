"""Fetch and ListOffsets."""

import asyncio
from typing import Any, NamedTuple

from metrla.local.devbroker.handlers.context import BrokerState, Request, RequestContext, Response
from metrla.local.devbroker.log.partition import OffsetOutOfRangeError, PartitionLog
from metrla.local.devbroker.wire.error_codes import ErrorCode

LATEST = -1
EARLIEST = -2


class _Wanted(NamedTuple):
    topic: str
    partition: int
    offset: int
    max_bytes: int
    log: PartitionLog | None

    @property
    def error(self) -> ErrorCode:
        if self.log is None:
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if not self.log.start_offset <= self.offset <= self.log.end_offset:
            return ErrorCode.OFFSET_OUT_OF_RANGE
        return ErrorCode.NONE


async def fetch(state: BrokerState, request: Request, context: RequestContext) -> Response:
    """Return batches; with fewer than `min_bytes` of them, wait for appends up to `max_wait_time` milliseconds."""
    wanted = [
        _Wanted(
            topic["topic"],
            part["partition"],
            part["offset"],
            part["max_bytes"],
            state.topics.partition(topic["topic"], part["partition"]),
        )
        for topic in request["topics"] or ()
        for part in topic["partitions"] or ()
    ]
    max_bytes = min(request["max_bytes"], state.settings.max_fetch_bytes)
    if not any(part.error for part in wanted):
        await _wait_for_bytes(wanted, min(request["min_bytes"], max_bytes), request["max_wait_time"] / 1000, context)
    return {"throttle_time_ms": 0, "topics": _read(wanted, max_bytes)}


async def list_offsets(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Return the first offset, the next one, or that of the first record since a timestamp (milliseconds)."""
    topics = [
        {
            "topic": topic["topic"],
            "partitions": [
                _offset(state.topics.partition(topic["topic"], part["partition"]), part)
                for part in topic["partitions"] or ()
            ],
        }
        for topic in request["topics"] or ()
    ]
    return {"throttle_time_ms": 0, "topics": topics}


def _offset(log: PartitionLog | None, part: Request) -> dict[str, int]:
    answer = {"partition": part["partition"], "error_code": ErrorCode.NONE, "timestamp": -1, "offset": -1}
    if log is None:
        return answer | {"error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
    if part["timestamp"] == LATEST:
        return answer | {"offset": log.end_offset}
    if part["timestamp"] == EARLIEST:
        return answer | {"offset": log.start_offset}
    found = log.offset_for_timestamp(part["timestamp"])
    return answer if found is None else answer | {"offset": found[0], "timestamp": found[1]}


async def _wait_for_bytes(wanted: list[_Wanted], min_bytes: int, max_wait_s: float, context: RequestContext) -> None:
    missing = min_bytes
    for part in wanted:
        if part.log is not None and missing > 0:
            missing -= part.log.bytes_from(part.offset, missing)
    if missing <= 0 or max_wait_s <= 0:
        return
    enough: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def appended(size: int) -> None:
        nonlocal missing
        missing -= size
        if missing <= 0 and not enough.done():
            enough.set_result(None)

    logs = [part.log for part in wanted if part.log is not None]
    for log in logs:
        log.subscribe(appended)
    try:
        await asyncio.wait({enough, context.disconnected}, timeout=max_wait_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for log in logs:
            log.unsubscribe(appended)


def _read(wanted: list[_Wanted], max_bytes: int) -> list[dict[str, Any]]:
    topics: dict[str, list[dict[str, Any]]] = {}
    room = max_bytes
    for part in wanted:
        error, data = part.error, b""
        if error is ErrorCode.NONE and part.log is not None and room > 0:
            try:
                data = part.log.read(part.offset, min(part.max_bytes, room))
            except OffsetOutOfRangeError:
                error = ErrorCode.OFFSET_OUT_OF_RANGE
            # Only the first partition with data may exceed the limit, so that a large batch cannot block a reader.
            if len(data) > room and room < max_bytes:
                data = b""
            room -= len(data)
        end_offset = part.log.end_offset if part.log else -1
        topics.setdefault(part.topic, []).append(
            {
                "partition": part.partition,
                "error_code": error,
                "highwater_offset": end_offset,
                "last_stable_offset": end_offset,
                "aborted_transactions": [],
                "message_set": data,
            }
        )
    return [{"topics": name, "partitions": partitions} for name, partitions in topics.items()]
