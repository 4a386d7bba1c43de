import io
import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.archive.container import ArchivedEvent, container_schema, decode_container, encode_container
from shared.events.errors import ArchiveError
from shared.events.records import NetworkId, SensorId, TrafficEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MEASURES = st.none() | st.floats(allow_nan=False)
EVENTS = st.builds(
    TrafficEvent,
    event_id=st.text(),
    network_id=st.text().map(NetworkId),
    sensor_id=st.text().map(SensorId),
    timestamp=st.integers(0, 4_000_000_000_000).map(lambda millis: EPOCH + timedelta(milliseconds=millis)),
    speed_mph=MEASURES,
    volume_vehicles=MEASURES,
    occupancy=MEASURES,
    share_observed=MEASURES,
    latitude=MEASURES,
    longitude=MEASURES,
)
ARCHIVED = st.builds(ArchivedEvent, EVENTS, st.integers(0, 1000), st.integers(0, 2**62))


def archived(offset: int) -> ArchivedEvent:
    event = TrafficEvent(
        f"e{offset}", NetworkId("metr-la"), SensorId("767541"), EPOCH + timedelta(minutes=5 * offset), 61.5
    )
    return ArchivedEvent(event, 2, offset)


@given(st.lists(ARCHIVED, max_size=20))
def test_events_come_back_as_they_went_in(events: list[ArchivedEvent]) -> None:
    assert list(decode_container(encode_container(events))) == events


def test_many_blocks_come_back_in_order() -> None:
    events = [archived(offset) for offset in range(5_000)]
    content = encode_container(events)
    assert list(decode_container(content)) == events
    assert len(content) < 20 * len(events)


def test_any_avro_library_finds_all_it_needs_in_the_file() -> None:
    reader = fastavro.reader(io.BytesIO(encode_container([archived(7)])))
    assert reader.codec == "deflate"
    assert isinstance(reader.writer_schema, dict)
    assert all(field["doc"] for field in reader.writer_schema["fields"])
    row = next(reader)
    assert isinstance(row, dict)
    assert row["timestamp"] == archived(7).event.timestamp
    assert (row["partition"], row["offset"]) == (2, 7)


def test_the_schema_is_that_of_the_event_and_its_place() -> None:
    names = [field["name"] for field in container_schema()["fields"]]
    assert names == [*(field.name for field in fields(TrafficEvent)), "partition", "offset"]


def test_a_file_of_an_older_schema_is_read_with_the_defaults_of_the_new_fields() -> None:
    old = {
        **{key: value for key, value in container_schema().items() if not key.startswith("__")},
        "fields": [field for field in container_schema()["fields"] if field["name"] != "share_observed"],
    }
    file = io.BytesIO()
    rows = [{"share_observed": 1, **json_row(archived(offset))} for offset in range(3)]
    fastavro.writer(file, json.loads(json.dumps(old)), rows)
    assert list(decode_container(file.getvalue())) == [archived(offset) for offset in range(3)]


def json_row(one: ArchivedEvent) -> dict[str, object]:
    event = {field.name: getattr(one.event, field.name) for field in fields(TrafficEvent)}
    return {**event, "partition": one.partition, "offset": one.offset}


CONTENT = encode_container([replace(archived(offset), partition=1) for offset in range(100)])


@pytest.mark.parametrize(
    "content",
    [b"", b"Obj\x01", b"not avro at all", CONTENT[:40], CONTENT[:-20], CONTENT[:-300] + b"\0" * 300],
    ids=["empty", "magic only", "text", "cut in the header", "cut in a block", "overwritten block"],
)
def test_a_damaged_file_is_named(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"hour=07/x\.avro"):
        list(decode_container(content, "hour=07/x.avro"))


@given(st.binary(max_size=30), st.integers(0, len(CONTENT)))
def test_damage_anywhere_raises_nothing_else(damage: bytes, place: int) -> None:
    with suppress(ArchiveError):
        list(decode_container(CONTENT[:place] + damage + CONTENT[place + len(damage) :]))
