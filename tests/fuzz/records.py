"""Records on the log: Avro of every type, events in JSON and the mappings that read them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from services.gateway.log.records import read
from services.gateway.views.traffic import TrafficView
from services.ingest.checkpoint import Checkpoint
from services.ingest.validator import EventValidator, Rejection
from services.ingest.windows import PartitionWindows, WindowPolicy
from shared.events.avro import codec, decode, encode
from shared.events.decoder import EventDecoder
from shared.events.errors import ConfigurationError, RejectedEventError
from shared.events.json_mapping import own_names
from shared.events.json_mapping_file import load_json_mapping
from shared.events.records import (
    AdvisoryId,
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertId,
    AlertSeverity,
    HorizonForecast,
    MeasuredWindow,
    Record,
    SensorId,
    TrafficAdvisory,
    TrafficEvent,
    TrafficPrediction,
)
from shared.events.topics import ADVISORIES, AGGREGATES, ALERTS, PREDICTIONS, SENSOR_HEALTH, SENSOR_TIMES
from shared.store.sql.sqlite import open_sqlite, probe_sqlite
from shared.store.sql.store import SqlStore
from shared.traffic.health.doubted import DoubtedSensor, DoubtedSensors, write_doubted
from shared.traffic.health.rules import Doubt
from shared.traffic.health.times import SensorTime, SensorTimes, write_times
from tests.fuzz.mutation import changed_json, damaged, json_bytes, texts
from tests.fuzz.oracle import demand_sound
from tests.fuzz.target import Target
from tests.kit.announcements import advisory_of, alert_of
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

NETWORK = network_of(*along("I-10 E", ["s0", "s1", "β…/?#"], 1.0, 0.01), network_id="toy")
AT = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
EVENT = TrafficEvent("e1", NETWORK.network_id, SensorId("s0"), AT, 55.5, 12.0, 0.1, 1.0, 34.0, -118.0)
ACTION = AlertAction("a", AlertId("x"), NETWORK.network_id, AlertActionKind.COMMENT, AT, "ann", "seen")
EVIDENCE = AlertEvidence(
    "queue", "speed_drop_mph", 20.0, 10.0, "xgboost", "1", (MeasuredWindow(SensorId("s0"), AT, 20.0, 60.0, None),)
)
RECORDS: dict[str, Record] = {
    "TrafficEvent": EVENT,
    "ProcessedTrafficAggregate": processed_window("toy", "s0", AT),
    "TrafficPrediction": TrafficPrediction(
        *(NETWORK.network_id, SensorId("s0"), AT, "xgboost", "1", 3, 55.0),
        (HorizonForecast(15, AT + timedelta(minutes=15), 50.0, 40.0, 60.0, 0.8),),
    ),
    "TrafficAlert": alert_of(
        AT,
        alert_id=AlertId("x"),
        network_id=NETWORK.network_id,
        severity=AlertSeverity.HIGH,
        estimated_duration_minutes=20.0,
        confidence_score=0.8,
        evidence=(EVIDENCE,),
        actions=(ACTION,),
    ),
    "TrafficAdvisory": advisory_of(
        AT,
        advisory_id=AdvisoryId("v"),
        network_id=NETWORK.network_id,
        latitude=34.0,
        longitude=-118.0,
        source="operator",
    ),
    "AlertAction": ACTION,
}
FOLLOWED = {
    "ProcessedTrafficAggregate": AGGREGATES,
    "TrafficPrediction": PREDICTIONS,
    "TrafficAlert": ALERTS,
    "TrafficAdvisory": ADVISORIES,
    "SensorTimes": SENSOR_TIMES,
    "DoubtedSensors": SENSOR_HEALTH,
}
TIMES = SensorTimes(NETWORK.network_id, 0, AT, AT, {SensorId("s0"): SensorTime(90.0, 3)})
DOUBTED = DoubtedSensors(NETWORK.network_id, AT, {SensorId("s0"): DoubtedSensor(Doubt.STUCK, AT)})
OWN_NAMES = {
    "event_id": "e1",
    "network_id": "toy",
    "sensor_id": "s0",
    "timestamp": "2026-03-03T14:30:00Z",
    "speed_mph": 55.5,
    "volume_vehicles": 12,
    "occupancy": 0.1,
}
FOREIGN = {"d": {"id": "s0", "t": "2026-03-03 06:30:00", "v": "88.5", "q": 12, "occ": "12.5"}}
MAPPING = """[fields]
sensor_id = "d.id"
timestamp = "d.t"
speed_mph = "d.v"
volume_vehicles = "d.q"
occupancy = "d.occ"
[units]
speed = "kmh"
occupancy = "percent"
[timestamp]
format = "%Y-%m-%d %H:%M:%S"
time_zone = "America/Los_Angeles"
[missing]
speed_mph = [-1, "n/a"]
[constants]
network_id = "toy"
latitude = 34.0
"""


@dataclass(slots=True)
class Message:
    """A record of the log, as far as readers look at it."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def _record(case: tuple[str, bytes]) -> None:
    name, data = case
    try:
        record = decode(type(RECORDS[name]), data)
    except RejectedEventError:
        return
    assert decode(type(record), encode(record)) is not None


@st.composite
def _of_some_type(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(RECORDS)))
    return name, draw(damaged([encode(RECORDS[name])]))


def extreme(name: str) -> st.SearchStrategy[bytes]:
    """A well-formed message whose values are the worst that its schema can say."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        good = codec(type(RECORDS[name])).decode(encode(RECORDS[name]))
        values = {field: getattr(good, field) for field in good.__dataclass_fields__}
        for field in draw(st.lists(st.sampled_from(sorted(values)), max_size=3)):
            match values[field]:
                case bool() | None:
                    pass
                case StrEnum():
                    pass
                case str():
                    values[field] = draw(texts.filter(_encodable))
                case float():
                    values[field] = draw(st.floats() | st.sampled_from((1e300, -1e300, 1e15, 5e-324)))
                case int():
                    values[field] = draw(st.sampled_from((0, -1, 2**31 - 1, -(2**31))))
                case datetime():
                    values[field] = draw(
                        st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001
                    )
        return encode(type(good)(**values))

    return build()


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _validator() -> EventValidator:
    decoder = EventDecoder(read_json=own_names(NETWORK.network_id).read)
    return EventValidator({NETWORK.network_id: NETWORK}, decoder)


def _event(case: tuple[bytes, bytes]) -> None:
    """Two events through validation into windows, the store and the wire."""
    validator = _validator()
    windows = PartitionWindows({NETWORK.network_id: NETWORK}, WindowPolicy(), Checkpoint(0, 0))
    for offset, value in enumerate(case):
        judged = validator.validate(b"s0", value, 0, offset, NOW)
        if isinstance(judged, Rejection):
            judged.detail.encode()
            continue
        demand_sound(judged)
        windows.add(judged, offset)
    windows.checkpoint(2, 2).metadata()
    emitted = [*windows.drain(), *windows.drain_idle(1e9)]
    for aggregate in emitted:
        demand_sound(aggregate)
    _store().put_aggregates(emitted)


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="metrla-fuzz-")


@cache
def _store() -> SqlStore:
    return SqlStore(open_sqlite(Path(_folder().name) / "store.sqlite", create=True), probe_sqlite)


def _followed(case: list[tuple[str, bytes | None, bytes | None]]) -> None:
    """Records of the followed topics into the gateway's view, and out of it again."""
    view = TrafficView({NETWORK.network_id: NETWORK}, timedelta(minutes=60), max_alerts=5)
    for offset, (name, key, value) in enumerate(case):
        try:
            record = read(Message(FOLLOWED[name].name, offset, 0, key, value))
            if isinstance(record, str):
                view.alerts.forget(AlertId(record))
                view.advisories.forget(AdvisoryId(record), offset)
            elif isinstance(record, TrafficAdvisory):
                view.advisories.apply(record, offset)
            elif isinstance(record, SensorTimes):
                view.times.apply(record, offset)
            elif isinstance(record, DoubtedSensors):
                view.apply_doubted(record, offset)
            else:
                view.apply(record)
        except RejectedEventError:
            continue
    assert view.event_time is None or view.event_time.tzinfo is not None


@st.composite
def _one_followed(draw: st.DrawFn) -> tuple[str, bytes | None, bytes | None]:
    name = draw(st.sampled_from(sorted(FOLLOWED)))
    if name in {"SensorTimes", "DoubtedSensors"}:
        good = write_times(TIMES) if name == "SensorTimes" else write_doubted(DOUBTED)
        value = draw(st.none() | damaged([good]) | changed_json([json.loads(good)]))
    else:
        value = draw(st.none() | damaged([encode(RECORDS[name])]) | extreme(name))
    return name, draw(st.none() | st.binary(max_size=20)), value


def _json_event(payload: bytes) -> None:
    for mapping in (own_names(NETWORK.network_id), _mapping()):
        try:
            event = mapping.read(payload, "fallback")
        except RejectedEventError as rejected:
            rejected.detail.encode("utf-8", "backslashreplace")
            continue
        decoder = EventDecoder(read_json=lambda *_, found=event: found)
        judged = EventValidator({NETWORK.network_id: NETWORK}, decoder).validate(b"s0", b"{}", 0, 0, NOW)
        if not isinstance(judged, Rejection):
            demand_sound(judged)


@cache
def _mapping() -> Any:  # noqa: ANN401 - the product's
    path = Path(_folder().name) / "good.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return load_json_mapping(path)


def _mapping_file(data: bytes) -> None:
    path = Path(_folder().name) / "mapping.toml"
    path.write_bytes(data)
    try:
        mapping = load_json_mapping(path, NETWORK.network_id)
    except ConfigurationError as refused:
        demand_one_line(refused)
        return
    for payload in (json_bytes(FOREIGN), json_bytes(OWN_NAMES), b"{}"):
        try:
            mapping.read(payload, "fallback")
        except RejectedEventError:
            continue


def demand_one_line(refused: Exception) -> None:
    """Fail unless a refusal is one line that a terminal shows as it is."""
    assert "\n" not in str(refused).strip(), f"not one line: {refused}"


_EVENTS = damaged([encode(EVENT), json_bytes(OWN_NAMES)]) | extreme("TrafficEvent") | changed_json([OWN_NAMES])

TARGETS = (
    Target("records", _of_some_type(), _record, 150),
    Target("events", st.tuples(_EVENTS, _EVENTS), _event),
    Target("followed-topics", st.lists(_one_followed(), min_size=1, max_size=3), _followed),
    Target("json-events", changed_json([OWN_NAMES, FOREIGN]), _json_event),
    Target("json-mappings", damaged([MAPPING.encode()]), _mapping_file),
)
