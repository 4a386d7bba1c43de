"""`metrla dead-letters` against a broker: what is listed, shown and sent."""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from typer.testing import CliRunner, Result

from metrla.cli.dead_letters import app
from metrla.local.devbroker.broker import DevBroker
from shared.events.errors import ConfigurationError, MetrlaError, RejectionReason
from shared.events.topics import (
    ALERTS,
    DEAD_LETTER_ID,
    DEAD_LETTER_NUMBER,
    DEAD_LETTER_SENT,
    SOURCE_OFFSET,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka import letters as letters_module
from shared.kafka.admin import ensure_topics
from shared.kafka.deadletter import DeadLetter, DeadLetterWriter
from shared.kafka.letters import Letter, LetterChoice, read_letters, send_letters
from shared.kafka.producer import open_producer, send_all
from shared.kafka.replay import LogRecord, open_reader, read_range

pytestmark = pytest.mark.integration

SENT_MS = 1_700_000_000_000
HOSTILE = ((DEAD_LETTER_NUMBER, b"1/9"), (DEAD_LETTER_SENT, b"sent"), (SOURCE_OFFSET, b"x"), ("trace", b"\x00"))


@pytest.fixture
async def broker() -> AsyncIterator[DevBroker]:
    async with DevBroker() as opened:
        await ensure_topics(opened.bootstrap_servers)
        yield opened


async def run(broker: DevBroker, *arguments: str, answer: str | None = None) -> Result:
    command = [*arguments, "--bootstrap-servers", broker.bootstrap_servers]
    result = await asyncio.to_thread(CliRunner().invoke, app, command, answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def letter(
    offset: int,
    value: bytes | None = b"\x00\xff",
    reason: RejectionReason = RejectionReason.UNDECODABLE,
    key: bytes | None = b"k",
    headers: tuple[tuple[str, bytes], ...] = (),
) -> DeadLetter:
    record = ConsumerRecord(TRAFFIC_EVENTS.name, 2, offset, SENT_MS, 0, key, value, None, 1, 2, headers)
    return DeadLetter(record, reason, "no \x1b[31m event")


async def write(broker: DevBroker, *letters: DeadLetter) -> None:
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        writer = DeadLetterWriter(broker.bootstrap_servers, producer, "test")
        writer.expect({TopicPartition(*one.source[:2]) for one in letters})
        await writer.write(letters)


async def on(broker: DevBroker, topic: str, partition: int) -> list[LogRecord]:
    where = TopicPartition(topic, partition)
    async with open_reader(broker.bootstrap_servers, "test") as reader:
        return await read_range(reader, where, 0, (await reader.end_offsets([where]))[where])


async def found(broker: DevBroker, *ids: str) -> list[Letter]:
    return await read_letters(broker.bootstrap_servers, LetterChoice(ids), lambda _done, _total: None)


def ids(result: Result) -> list[str]:
    return [row["id"] for row in json.loads(result.stdout)]


async def test_letters_are_listed_once_each_by_what_is_asked_for(broker: DevBroker) -> None:
    await write(broker, letter(1), letter(2, reason=RejectionReason.UNKNOWN_SENSOR), letter(3, headers=HOSTILE))
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        await send_all(producer, [letter(1).message()])  # the one moment in which it may come twice
        await producer.send_and_wait(TRAFFIC_EVENTS_DLQ.name, b"of a stranger")
        writer = DeadLetterWriter(broker.bootstrap_servers, producer, "test")
        await writer.put_aside(ALERTS.name, b"alert", b"state", ValueError("no"), "delivery of outputs")
    everything = await run(broker, "list", "--json")
    assert ids(everything) == [
        "traffic-events:2:1",
        "traffic-events:2:2",
        "traffic-events:2:3",
        "traffic-events-dlq:0:5",
    ]
    assert json.loads(everything.stdout)[2] | {"written_at": ""} == {
        "id": "traffic-events:2:3",
        "written_at": "",
        "reason": "undecodable",
        "stage": "decode",
        "detail": "no \\u001b[31m event",
        "topic": "traffic-events",
        "partition": 2,
        "offset": 3,
        "records": 1,
        "whole": True,
        "sent": None,
    }
    for asked, due in {
        ("--reason", "unknown_sensor"): ["traffic-events:2:2"],
        ("--stage", "delivery of outputs"): ["traffic-events-dlq:0:5"],
        ("--topic", "traffic-alerts"): ["traffic-events-dlq:0:5"],
        ("--limit", "1"): ["traffic-events-dlq:0:5"],
        ("--to", "2020-01-01"): [],
        ("--from", "2020-01-01", "--reason", "unknown_sensor"): ["traffic-events:2:2"],
    }.items():
        assert ids(await run(broker, "list", "--json", *asked)) == due, asked
    table = await run(broker, "list")
    assert "\x1b" not in table.stdout
    assert "4 of 4 dead letters: 2 undecodable, 1 unknown_sensor, 1 unprocessable" in table.stderr
    assert "No dead letters." in (await run(broker, "list", "--to", "2020-01-01")).stderr


async def test_one_is_shown_with_its_bytes_and_harms_no_terminal(broker: DevBroker, tmp_path: Path) -> None:
    value = b"\x1b]0;title\x07" + bytes(range(256)) * 20
    await write(broker, letter(1, value, headers=HOSTILE), letter(2, b'{"speed": 1}'))
    shown = (await run(broker, "show", "traffic-events:2:1")).stdout
    assert "\x1b" not in shown
    assert "reason: undecodable" in shown
    assert "1b 5d 30 3b 74" in shown
    assert "header trace" in shown
    assert "more bytes (--out or --json has all)" in shown
    assert '{"speed": 1} (12 bytes)' in (await run(broker, "show", "traffic-events:2:2")).stdout
    await run(broker, "show", "traffic-events:2:1", "--out", str(tmp_path / "value"))
    assert (tmp_path / "value").read_bytes() == value
    as_json = json.loads((await run(broker, "show", "traffic-events:2:1", "--json")).stdout)
    assert base64.b64decode(as_json["value"]) == value
    assert as_json["headers"] == [[name, base64.b64encode(data).decode()] for name, data in HOSTILE]
    with pytest.raises(MetrlaError, match="there is no dead letter"):
        await run(broker, "show", "traffic-events:2:9")


async def test_letters_are_sent_as_they_came_and_each_once(broker: DevBroker) -> None:
    await write(broker, letter(1, headers=HOSTILE), letter(2, None), letter(3, reason=RejectionReason.TOO_LARGE))
    assert "Would send 3 to traffic-events" in (await run(broker, "send", "--all", "--dry-run")).stdout
    assert await on(broker, TRAFFIC_EVENTS.name, 2) == []
    assert (await run(broker, "send", "--all", answer="n\n")).exit_code == 1
    assert await on(broker, TRAFFIC_EVENTS.name, 2) == []
    assert "2 sent" in (await run(broker, "send", "--reason", "undecodable", answer="y\n")).stdout
    first, second = await on(broker, TRAFFIC_EVENTS.name, 2)
    assert (first.key, first.value, second.key, second.value) == (b"k", b"\x00\xff", b"k", None)
    assert first.headers == (*HOSTILE, (DEAD_LETTER_ID, b"traffic-events:2:1"))
    again = await run(broker, "send", "--all", "--yes")
    assert "1 sent" in again.stdout
    assert "2 were sent before" in again.stderr
    assert "Nothing to send" in (await run(broker, "send", "--all", "--yes")).stderr
    with pytest.raises(MetrlaError, match=r"traffic-events:2:1 was sent before \(--again sends it once more\)"):
        await run(broker, "send", "traffic-events:2:1", "--yes")
    assert len(await on(broker, TRAFFIC_EVENTS.name, 2)) == 3
    assert "1 sent" in (await run(broker, "send", "traffic-events:2:1", "--yes", "--again")).stdout
    assert {row["sent"] for row in json.loads((await run(broker, "list", "--json")).stdout)} == {"sent"}


async def test_one_in_parts_is_put_together_also_where_its_first_writer_died(broker: DevBroker) -> None:
    value, key, long = random.Random(1).randbytes(1_200_000), b"k" * 2_000, (("a", b"y" * 600_000), ("b", b""))
    torn = letter(1, value, RejectionReason.TOO_LARGE, key, long)
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        await send_all(producer, torn.parts()[:2])
        (unfinished,) = await found(broker)
        assert not unfinished.whole
        assert "some of its parts are missing" in (await run(broker, "send", "--all", "--yes")).stderr
        await send_all(producer, torn.parts())
    shown = json.loads((await run(broker, "show", "traffic-events:2:1", "--json")).stdout)
    assert (shown["whole"], shown["records"]) == (True, len(torn.parts()))
    assert (base64.b64decode(shown["key"]), base64.b64decode(shown["value"])) == (key, value)
    assert [(name, base64.b64decode(data)) for name, data in shown["headers"]] == list(long)
    with pytest.raises(MetrlaError, match="larger than its topic takes"):
        await run(broker, "send", "--all", "--yes")


async def test_a_sending_that_broke_off_is_taken_up_where_it_was(
    broker: DevBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(broker, *(letter(offset) for offset in range(10)))
    monkeypatch.setattr(letters_module, "CHUNK", 4)
    sends = 0

    async def breaks_off(*arguments: object) -> None:
        nonlocal sends
        sends += 1
        await send_all(*arguments)  # type: ignore[arg-type]
        if sends == 5:  # begun, sent, noted, begun, sent
            raise ConnectionResetError

    monkeypatch.setattr(letters_module, "send_all", breaks_off)
    all_of_them = await found(broker)
    with pytest.raises(ConnectionResetError):
        await send_letters(broker.bootstrap_servers, all_of_them, lambda _done, _total: None)
    monkeypatch.setattr(letters_module, "send_all", send_all)
    assert len(await on(broker, TRAFFIC_EVENTS.name, 2)) == 8
    result = await run(broker, "send", "--all", "--yes")
    assert "2 sent; 4 were there already, from a sending that broke off" in result.stdout
    sent = [dict(record.headers)[DEAD_LETTER_ID] for record in await on(broker, TRAFFIC_EVENTS.name, 2)]
    assert sorted(sent) == sorted(f"traffic-events:2:{offset}".encode() for offset in range(10))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send"], "which ones"),
        (["send", "--all", "--from", "yesterday"], "--from"),
        (["list", "--from", "2020-01-02", "--to", "2020-01-01"], "not before"),
    ],
)
async def test_what_cannot_be_meant_is_refused(broker: DevBroker, arguments: Sequence[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await run(broker, *arguments)


async def test_outputs_that_were_never_on_a_topic_are_not_sent(broker: DevBroker) -> None:
    async with open_producer(broker.bootstrap_servers, "test") as producer:
        writer = DeadLetterWriter(broker.bootstrap_servers, producer, "test")
        await writer.put_aside(ALERTS.name, b"alert", b"state", ValueError("no"), "delivery of outputs")
    result = await run(broker, "send", "--all", "--yes")
    assert "was never on a topic" in result.stderr
    assert await on(broker, ALERTS.name, 0) == []
