"""The advisories topic: what is on it, and what is written to it. The newest record of an id is its truth."""

from collections.abc import Iterable

import structlog
from aiokafka import AIOKafkaProducer
from structlog.stdlib import BoundLogger

from shared.events.avro import codec
from shared.events.errors import RejectedEventError
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.events.topics import ADVISORIES
from shared.kafka.dated import decode_dated
from shared.kafka.following import read_topic
from shared.kafka.producer import Message, send_all
from shared.kafka.replay import LogRecord

log: BoundLogger = structlog.stdlib.get_logger(__name__)


async def read_newest(bootstrap_servers: str, client_id: str) -> dict[AdvisoryId, TrafficAdvisory]:
    """Every advisory on the log in its newest state, those withdrawn as well; what is damaged is left out."""
    known: dict[AdvisoryId, TrafficAdvisory] = {}
    for record in await read_topic(bootstrap_servers, client_id, ADVISORIES):
        try:
            apply(known, record)
        except RejectedEventError as rejected:
            where = {"partition": record.partition, "offset": record.offset}
            log.error("passing over a damaged advisory", detail=rejected.detail, **where)  # noqa: TRY400 - foreseen
    return known


def apply(known: dict[AdvisoryId, TrafficAdvisory], record: LogRecord) -> TrafficAdvisory | AdvisoryId:
    """Take one record of the topic in; returns the advisory, or the id of one that is gone.

    Raises:
        RejectedEventError: it is damaged, or dated far ahead.
    """
    if record.value is None:
        gone = AdvisoryId((record.key or b"").decode(errors="replace"))
        known.pop(gone, None)
        return gone
    advisory = decode_dated(TrafficAdvisory, record)
    known[advisory.advisory_id] = advisory
    return advisory


async def publish(producer: AIOKafkaProducer, advisories: Iterable[TrafficAdvisory]) -> None:
    """Write advisories; returns when the log has acknowledged every one. Raises `KafkaError` as `send_all` does."""
    encode = codec(TrafficAdvisory).encode
    await send_all(
        producer,
        (Message(ADVISORIES.name, advisory.advisory_id.encode(), encode(advisory)) for advisory in advisories),
    )
