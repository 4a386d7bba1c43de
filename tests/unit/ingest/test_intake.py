from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord

from services.ingest.intake import validate
from services.ingest.validator import EventValidator
from shared.events.avro import encode
from shared.events.decoder import EventDecoder
from shared.events.errors import RejectionReason
from shared.events.records import TrafficEvent
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NETWORK = load_network(EXAMPLE_NETWORK)
VALIDATOR = EventValidator({NETWORK.network_id: NETWORK}, EventDecoder(), timedelta(hours=1))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(
    offset: int, value: bytes, sent: datetime, headers: tuple[tuple[str, bytes], ...] = (), stamp: int | None = None
) -> ConsumerRecord:
    sent_ms = int(sent.timestamp() * 1000) if stamp is None else stamp
    return ConsumerRecord("traffic-events", 0, offset, sent_ms, 0, b"key", value, None, 3, len(value), headers)


def value(when: datetime) -> bytes:
    return encode(TrafficEvent("e", NETWORK.network_id, NETWORK.sensors[0].sensor_id, when, 55.0))


def test_the_good_and_the_bad_part() -> None:
    judged = validate(VALIDATOR, [record(4, value(NOW), NOW), record(5, b"junk", NOW)], lambda: NOW)
    assert [kept.offset for _, kept in judged.events] == [4]
    assert [(letter.record.offset, letter.reason) for letter in judged.rejected] == [(5, RejectionReason.UNDECODABLE)]


@pytest.mark.parametrize(
    ("sent", "stamp", "rejected"),
    [
        (NOW, None, False),
        (NOW - timedelta(hours=3), None, True),
        (NOW + timedelta(days=365), None, False),
        (NOW, -1, False),
    ],
    ids=["sent now", "sent long before its own timestamp", "sent in the future", "without time"],
)
def test_the_future_begins_when_the_event_was_sent(sent: datetime, stamp: int | None, *, rejected: bool) -> None:
    judged = validate(VALIDATOR, [record(0, value(NOW), sent, stamp=stamp)], lambda: NOW)
    assert bool(judged.rejected) is rejected


def test_a_sender_from_the_future_is_judged_by_our_clock() -> None:
    later = NOW + timedelta(days=365)
    judged = validate(VALIDATOR, [record(0, value(later), later)], lambda: NOW)
    assert [letter.reason for letter in judged.rejected] == [RejectionReason.TIMESTAMP_IN_FUTURE]
