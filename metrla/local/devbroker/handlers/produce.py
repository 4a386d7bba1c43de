"""Produce and InitProducerId."""

import time
from typing import Any

from aiokafka.errors import CorruptRecordException

from metrla.local.devbroker.handlers.context import BrokerState, Request, RequestContext, Response
from metrla.local.devbroker.log.batch import (
    TRANSACTIONAL_OR_CONTROL,
    BatchHeader,
    InvalidBatchError,
    UnsupportedFormatError,
    checked_header,
    stamped,
)
from metrla.local.devbroker.log.partition import PartitionLog
from metrla.local.devbroker.log.producers import NEW_BATCH, AppendedBatch
from metrla.local.devbroker.log.topic_config import CREATE_TIME, LOG_APPEND_TIME
from metrla.local.devbroker.log.topics import StoredTopic
from metrla.local.devbroker.wire.error_codes import ErrorCode
from shared.kafka.batches import records_of

_ACKS = (-1, 0, 1)


class _MessageTooLargeError(ValueError):
    """A batch larger than the topic's `max.message.bytes`."""


class _InvalidTimestampError(ValueError):
    """A record from further in the future than the topic's `message.timestamp.after.max.ms`."""


class _InvalidRecordError(ValueError):
    """A transactional batch, or a record without a key for a compacted topic."""


_REFUSALS: dict[type[Exception], ErrorCode] = {
    _MessageTooLargeError: ErrorCode.MESSAGE_TOO_LARGE,
    _InvalidTimestampError: ErrorCode.INVALID_TIMESTAMP,
    _InvalidRecordError: ErrorCode.INVALID_RECORD,
    UnsupportedFormatError: ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    InvalidBatchError: ErrorCode.CORRUPT_MESSAGE,
    CorruptRecordException: ErrorCode.CORRUPT_MESSAGE,
}


class UnacknowledgedProduceError(Exception):
    """A batch sent with acks=0 was refused: as in Kafka, closing the connection is the only way to say so."""


async def produce(state: BrokerState, request: Request, _context: RequestContext) -> Response | None:
    """Append one batch to each partition of the request."""
    acks = request["required_acks"]
    topics = []
    failed = []
    for topic_request in request["topics"] or ():
        name = topic_request["topic"]
        partitions = []
        for wanted in topic_request["partitions"] or ():
            index = wanted["partition"]
            log = state.topics.partition(name, index)
            topic = state.topics.get(name)
            if acks not in _ACKS:
                error, offset = ErrorCode.INVALID_REQUIRED_ACKS, -1
            elif log is None or topic is None:
                error, offset = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1
            else:
                error, offset = _append(topic, log, wanted["messages"] or b"")
            if error is not ErrorCode.NONE:
                failed.append(f"{name}/{index}: {error.name}")
            partitions.append(_partition_response(index, error, offset, log))
        topics.append({"topic": name, "partitions": partitions})
    if acks == 0:
        if failed:
            raise UnacknowledgedProduceError("; ".join(failed))
        return None
    return {"topics": topics, "throttle_time_ms": 0}


async def init_producer_id(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Give an idempotent producer its id; a transactional one is refused."""
    if request["transactional_id"] is not None:
        return {"throttle_time_ms": 0, "error_code": ErrorCode.INVALID_REQUEST, "producer_id": -1, "producer_epoch": -1}
    return {
        "throttle_time_ms": 0,
        "error_code": ErrorCode.NONE,
        "producer_id": next(state.producer_ids),
        "producer_epoch": 0,
    }


def _append(topic: StoredTopic, log: PartitionLog, data: bytes) -> tuple[ErrorCode, int]:
    now_ms = time.time_ns() // 1_000_000
    try:
        header = _accepted(topic, data, now_ms)
    except tuple(_REFUSALS) as error:
        return _REFUSALS[type(error)], -1
    verdict = log.producers.check(header.producer_id, header.producer_epoch, header.base_sequence, header.last_sequence)
    if verdict != NEW_BATCH:
        return verdict.error, -1 if verdict.duplicate_of is None else verdict.duplicate_of
    if topic.config.timestamp_type == LOG_APPEND_TIME:
        data = stamped(data, now_ms)
        header = BatchHeader.parse(data)
    offset = log.append(data, header, now_ms)
    log.producers.appended(
        header.producer_id,
        header.producer_epoch,
        AppendedBatch(header.base_sequence, header.last_sequence, offset),
        time.monotonic(),
    )
    return ErrorCode.NONE, offset


def _accepted(topic: StoredTopic, data: bytes, now_ms: int) -> BatchHeader:
    if len(data) > topic.config.max_message_bytes:
        raise _MessageTooLargeError
    header = checked_header(data)
    if header.attributes & TRANSACTIONAL_OR_CONTROL:
        raise _InvalidRecordError
    created = topic.config.timestamp_type == CREATE_TIME
    if created and header.max_timestamp > now_ms + topic.config.max_ahead_ms:
        raise _InvalidTimestampError
    # Like Kafka's: what no reader could read is refused while its producer is there to be told.
    for number, record in enumerate(records_of(data)):
        if record.offset != header.base_offset + number or (topic.config.compacted and record.key is None):
            raise _InvalidRecordError
    return header


def _partition_response(index: int, error: ErrorCode, offset: int, log: PartitionLog | None) -> dict[str, Any]:
    return {
        "partition": index,
        "error_code": error,
        "offset": offset,
        "timestamp": -1,
        "log_start_offset": log.start_offset if log else -1,
    }
