"""What archive and store hold, read with plain clients: files, WebHDFS, SQLite and HBase's Thrift server."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import fastavro
from hdfs import InsecureClient

from tests.chaos.expectation import WindowKey
from tests.chaos.hbase_rows import read_tables
from tests.chaos.logs import Values

RAW = "traffic-data/raw"
PredictionKey = tuple[str, str, str, int]
"""Network, sensor, model and origin in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Stored:
    """All rows of the store by their keys; times are milliseconds since 1970."""

    aggregates: dict[WindowKey, Values]
    predictions: dict[PredictionKey, Values]
    alerts: dict[str, Values]
    torn: list[str] = field(default_factory=list)
    """What differs between two tables that must hold the same."""


def archived(url: str) -> Iterator[tuple[str, list[Values]]]:
    """Every raw file: its path and its rows."""
    parts = urlsplit(url)
    local = parts.scheme == "file"
    for path, content in _local_files(Path(url2pathname(parts.path))) if local else _hdfs_files(url):
        yield path, [cast("Values", row) for row in fastavro.reader(BytesIO(content))]


def stored(url: str) -> Stored:
    """Every row of the store."""
    if url.startswith("sqlite:"):
        return _sqlite(Path(url.removeprefix("sqlite:///")))
    tables, torn = read_tables(url)
    return Stored(
        {(str(one), str(two), int(three)): row for (one, two, three), row in tables["aggregates"].items()},
        {
            (str(network_id), str(sensor_id), str(model), int(origin)): row
            for (network_id, sensor_id, origin, model), row in tables["predictions"].items()
        },
        {str(key[0]): row for key, row in tables["alerts"].items()},
        torn,
    )


def _local_files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((root / RAW).rglob("*.avro")):
        yield str(path.relative_to(root)), path.read_bytes()


def _hdfs_files(url: str) -> Iterator[tuple[str, bytes]]:
    parts = urlsplit(url)
    client = InsecureClient(f"http://{parts.netloc}", user="chaos-auditor", root=parts.path or "/")
    root = f"{parts.path.rstrip('/')}/{RAW}"
    for folder, _, names in client.walk(root):
        for name in sorted(names):
            if name.endswith(".avro"):
                with client.read(f"{folder}/{name}") as content:
                    yield f"{folder}/{name}", content.read()


def _sqlite(file: Path) -> Stored:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        rows = {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - our own names
            for table in ("traffic_aggregates", "traffic_predictions", "traffic_alerts")
        }
    finally:
        connection.close()
    for prediction in rows["traffic_predictions"]:
        prediction["horizons"] = json.loads(prediction["horizons"])
    for alert in rows["traffic_alerts"]:
        alert["affected_sensors"] = json.loads(alert["affected_sensors"])
    return Stored(
        {(row["network_id"], row["sensor_id"], row["window_start"]): row for row in rows["traffic_aggregates"]},
        {
            (row["network_id"], row["sensor_id"], row["model_name"], row["timestamp"]): row
            for row in rows["traffic_predictions"]
        },
        {row["alert_id"]: row for row in rows["traffic_alerts"]},
    )
