"""How fast the local archive and the SQLite store are, against plain baselines on the same disk in the same run.

    python benchmarks/storage.py [--days N]

Wall time, because waiting for the disk is part of it. Baselines: sqlite3's own executemany into one table without
secondary index, a transaction a batch and as durable; gzip-compressed JSON lines.
"""

import argparse
import gzip
import json
import sqlite3
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from pathlib import Path
from random import Random
from time import perf_counter

from metrla.data.archive.events import read_events
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import raw_path
from shared.archive.local import LocalArchive
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficEvent,
    TrafficPrediction,
)
from shared.store.url import open_store

NETWORK = NetworkId("metr-la")
SENSORS = [SensorId(str(767_000 + number)) for number in range(207)]
START = datetime(2012, 5, 2, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
WINDOWS_A_DAY = 288
BATCH = 1_000
HORIZONS = range(1, 13)
WINDOW_VALUES = attrgetter(*(field.name for field in fields(ProcessedTrafficAggregate)))
EVENT_VALUES = attrgetter(*(field.name for field in fields(TrafficEvent)))


def aggregate(sensor: SensorId, step: int, random: Random) -> ProcessedTrafficAggregate:
    """One window of one reading."""
    start, speed = START + step * WINDOW, random.uniform(5, 70)
    return ProcessedTrafficAggregate(
        NETWORK, sensor, start, start + WINDOW, 1, 1, speed, speed, speed, 0.0, None, None, 1.0, f"{sensor}:{step}"
    )


def prediction(sensor: SensorId, step: int, random: Random) -> TrafficPrediction:
    """All horizons of one sensor at one step."""
    origin = START + step * WINDOW
    forecasts = tuple(
        HorizonForecast(5 * n, origin + n * WINDOW, round(random.uniform(5, 70), 2), 5.25, 70.75, 0.75)
        for n in HORIZONS
    )
    return TrafficPrediction(NETWORK, sensor, origin, "linear_regression", "1", 12, 60.0, forecasts)


def archived(step: int, place: int, random: Random) -> ArchivedEvent:
    """One reading and its place."""
    sensor = SENSORS[place]
    event = TrafficEvent(f"{sensor}:{step}", NETWORK, sensor, START + step * WINDOW, random.uniform(5, 70))
    return ArchivedEvent(event, 0, step * len(SENSORS) + place)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def batches(rows: Iterable[ProcessedTrafficAggregate]) -> Iterable[list[ProcessedTrafficAggregate]]:
    """Parts of `BATCH` rows."""
    rest = iter(rows)
    while part := list(islice(rest, BATCH)):
        yield part


def plain_sqlite(file: Path, rows: list[ProcessedTrafficAggregate]) -> None:
    """The baseline of the store."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"CREATE TABLE t ({', '.join(f'c{n}' for n in range(14))}, PRIMARY KEY (c1, c2))")
        insert = f"INSERT OR REPLACE INTO t VALUES ({', '.join('?' * 14)})"  # noqa: S608 - literals
        for part in batches(rows):
            plain = [(r[0], r[1], r[2].timestamp(), r[3].timestamp(), *r[4:]) for r in map(WINDOW_VALUES, part)]
            connection.executemany(insert, plain)
            connection.commit()


def json_lines(file: Path, events: list[ArchivedEvent]) -> None:
    """The baseline of the archive."""
    with gzip.open(file, "wt", compresslevel=6) as lines:
        for one in events:
            lines.write(json.dumps((*EVENT_VALUES(one.event), one.partition, one.offset), default=str) + "\n")


def read_json_lines(file: Path) -> int:
    """Its reader, which makes the same events."""
    read = 0
    with gzip.open(file, "rt") as lines:
        for line in lines:
            event_id, network, sensor, timestamp, *measures, partition, offset = json.loads(line)
            event = TrafficEvent(event_id, network, sensor, datetime.fromisoformat(timestamp), *measures)
            ArchivedEvent(event, partition, offset)
            read += 1
    return read


def write_archive(archive: LocalArchive, events: list[ArchivedEvent]) -> None:
    """An hour a file."""
    an_hour = 12 * len(SENSORS)
    for first in range(0, len(events), an_hour):
        part = events[first : first + an_hour]
        path = raw_path(NETWORK, part[0].event.timestamp, 0, part[0].offset, part[-1].offset)
        archive.write(path, encode_container(part))


def show(what: str, count: int, ours_s: float, baseline_s: float | None = None) -> None:
    """One line."""
    ratio = f"{baseline_s / ours_s:5.2f} of the baseline" if baseline_s else ""
    print(f"{what:44} {count / ours_s:>10,.0f}/s  {ratio}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=3)
    steps = WINDOWS_A_DAY * parser.parse_args().days
    random = Random(7)
    rows = [aggregate(sensor, step, random) for step in range(steps) for sensor in SENSORS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        baseline = seconds(lambda: plain_sqlite(folder / "plain.sqlite", rows))
        with closing(open_store(f"sqlite:///{folder / 'store.sqlite'}")) as store:

            def upsert() -> None:
                for part in batches(rows):
                    store.put_aggregates(part)

            show(f"aggregates inserted, {BATCH:,} a batch", len(rows), seconds(upsert), baseline)
            show(f"aggregates put again, {BATCH:,} a batch", len(rows), seconds(upsert), baseline)
            show("aggregates read", len(rows), seconds(lambda: sum(1 for _ in store.aggregates())))
            made = [[prediction(sensor, step, random) for sensor in SENSORS] for step in range(WINDOWS_A_DAY)]
            took = seconds(lambda: deque(map(store.put_predictions, made), maxlen=0))
            count = len(SENSORS) * len(made)
            show("predictions of 12 horizons inserted, 207 a batch", count, took)
            print(f"{'':44} {took / len(made) * 1e3:>10.1f} ms a network step")
            show("predictions read", count, seconds(lambda: sum(1 for _ in store.predictions())))
        events = [archived(step, place, random) for step in range(steps) for place in range(len(SENSORS))]
        archive, lines = LocalArchive(folder / "archive"), folder / "events.json.gz"
        plain_write = seconds(lambda: json_lines(lines, events))
        plain_read = seconds(lambda: read_json_lines(lines))
        show(
            "events archived, an hour a file", len(events), seconds(lambda: write_archive(archive, events)), plain_write
        )
        show("events read back", len(events), seconds(lambda: sum(1 for _ in read_events(archive))), plain_read)
        size = sum(found.size_bytes for found in archive.list("")) / len(events)
        print(f"{'bytes an event in the archive':44} {size:>10.1f}    {lines.stat().st_size / len(events):.1f} as JSON")


if __name__ == "__main__":
    main()
