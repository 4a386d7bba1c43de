"""The tables of the HBase store, read with happybase and the row keys of docs/data.md alone."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

import happybase

from tests.chaos.expectation import milliseconds
from tests.chaos.logs import AvroReader, Values

GREATEST_TIME = 2**63 - 1
ROWS_AT_ONCE = 1_000
TIMEOUT_MS = 60_000
TEXTS = {"last_event_id", "model_version", "basis", "alert_type", "severity", "status", "message", "location"}
# Texts that may be unknown.
MAYBE_TEXTS = {"worst_severity"}
INSTANTS = {"window_end", "updated_at", "cleared_at", "expected_at"}
LISTS = {"horizons", "affected_sensors"}

Key = tuple[str | int, ...]


def read_tables(url: str) -> tuple[dict[str, dict[Key, Values]], list[str]]:
    """The rows of the three tables by key, and what differs between a table and its copy by time."""
    where = urlsplit(url)
    connection = happybase.Connection(where.hostname, where.port or 9090, timeout=TIMEOUT_MS)
    try:
        aggregates = dict(_rows(connection, "traffic_aggregates", _sensor_key))
        predictions = dict(_rows(connection, "traffic_predictions", _sensor_key))
        alerts = dict(_rows(connection, "traffic_alerts", _alert_key))
        torn = [
            *_torn(connection, "traffic_aggregates", "ProcessedTrafficAggregate", "window_start", aggregates),
            *_torn(connection, "traffic_predictions", "TrafficPrediction", "timestamp", predictions),
        ]
    finally:
        connection.close()
    return {"aggregates": aggregates, "predictions": predictions, "alerts": alerts}, torn


def _rows(connection: happybase.Connection, table: str, key_of: Callable[[bytes], Key]) -> Iterator[tuple[Key, Values]]:
    for key, cells in connection.table(table).scan(batch_size=ROWS_AT_ONCE):
        values = {name.decode().removeprefix("d:"): cell for name, cell in cells.items() if name != b"d:avro"}
        yield key_of(key), {name: _value(name, cell.decode()) for name, cell in values.items()}


def _torn(
    connection: happybase.Connection, table: str, record_name: str, time: str, rows: dict[Key, Values]
) -> Iterator[str]:
    reader, left = AvroReader(record_name), dict(rows)
    for _, cells in connection.table(f"{table}_by_time").scan(batch_size=ROWS_AT_ONCE):
        copy = reader.read(cells[b"d:avro"])
        key: Key = (copy["network_id"], copy["sensor_id"], milliseconds(copy[time]))
        if "model_name" in copy:
            key = (*key, copy["model_name"])
        row = left.pop(key, None)
        if row is None:
            yield f"{key} is in {table}_by_time and not in {table}"
        elif row["revision"] != copy["revision"]:
            yield f"{key} has revision {row['revision']} in {table} and {copy['revision']} in {table}_by_time"
    for key in left:
        yield f"{key} is in {table} and not in {table}_by_time"


def _sensor_key(key: bytes) -> Key:
    _, network_id, sensor_id, reversed_time, *model = key.decode().split("\0")
    return (network_id, sensor_id, GREATEST_TIME - int(reversed_time), *model)


def _alert_key(key: bytes) -> Key:
    return (key.decode().split("\0")[3],)


def _value(name: str, text: str) -> object:
    if name in TEXTS:
        return text
    if not text:
        return None
    if name in MAYBE_TEXTS:
        return text
    if name in INSTANTS:
        return milliseconds(datetime.fromisoformat(text))
    return json.loads(text)
