"""Read raw events back from an archive by network and time."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from shared.archive.container import ArchivedEvent, decode_container
from shared.archive.layout import RAW_ROOT, RawFile, parse_raw_path, raw_prefixes
from shared.archive.port import Archive
from shared.events.records import NetworkId, SensorId

_HOUR = timedelta(hours=1)


def read_events(
    archive: Archive,
    network_id: NetworkId | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    sensor_id: SensorId | None = None,
    *,
    raw: bool = False,
) -> Iterator[ArchivedEvent]:
    """Events with start <= timestamp < end (aware; `None`: open) of one network (`None`: all) and sensor (`None`: all).

    They come hour by hour of event time and, within an hour, in the order of partition and offset. A reading that
    its feed sent twice (same sensor, same timestamp) comes once, the first of them as in the windows; `raw` gives all.
    Memory holds one file, and the sensors and timestamps of one hour.

    Raises:
        ArchiveError: the archive does not answer, or a file is damaged.
    """
    return events_in(archive, raw_files(archive, network_id, start, end), start, end, sensor_id, raw=raw)


def raw_files(
    archive: Archive,
    network_id: NetworkId | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[RawFile]:
    """The raw files whose hour touches [start, end), by network and hour."""
    prefixes = [RAW_ROOT] if network_id is None else raw_prefixes(network_id, start, end)
    for prefix in prefixes:
        for found in archive.list(prefix):
            file = parse_raw_path(found.path)
            if file is None or (start is not None and file.hour + _HOUR <= start):
                continue
            if end is None or file.hour < end:
                yield file


def events_in(
    archive: Archive,
    files: Iterable[RawFile],
    start: datetime | None = None,
    end: datetime | None = None,
    sensor_id: SensorId | None = None,
    *,
    raw: bool = False,
) -> Iterator[ArchivedEvent]:
    """What `read_events` gives, from files in the order of `raw_files`: for callers that show their progress."""
    for _, of_hour in groupby(files, key=lambda file: (file.network_id, file.hour)):
        seen: set[tuple[SensorId, datetime]] = set()
        for file in sorted(of_hour, key=lambda file: (file.partition, file.first_offset)):
            for archived in decode_container(archive.read(file.path), file.path):
                event = archived.event
                if sensor_id is not None and event.sensor_id != sensor_id:
                    continue
                if (start is not None and event.timestamp < start) or (end is not None and event.timestamp >= end):
                    continue
                if not raw:
                    reading = (event.sensor_id, event.timestamp)
                    if reading in seen:
                        continue
                    seen.add(reading)
                yield archived
