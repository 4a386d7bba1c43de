"""An outage must not fill the disk with one message."""

import logging

from shared.runtime.logs import Sparing


def record(name: str, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None)


def test_a_message_of_kafkas_client_is_shown_once_in_a_while() -> None:
    now_s = 100.0
    sparing = Sparing(30.0, lambda: now_s)
    shown = [sparing.filter(record("aiokafka.conn", "Unable connect to %s", node)) for node in (1, 2, 1)]
    assert shown == [True, False, False]
    assert sparing.filter(record("aiokafka.conn", "Marking the coordinator dead"))
    now_s = 130.0
    assert sparing.filter(record("aiokafka.conn", "Unable connect to %s", 1))


def test_our_own_messages_are_all_shown() -> None:
    sparing = Sparing(30.0, lambda: 0.0)
    assert all(sparing.filter(record("shared.kafka.delivery", "will try again")) for _ in range(3))
