"""Recent speeds that a network begins with, in the archive beside its models: worked out from a history, not yet live.

There is a file for each end of a history. The predictor takes the latest that ends before the first window that it
sees: what is replayed from the middle of a recording must not know its end.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors.numpy import save
from structlog.stdlib import BoundLogger

from shared.archive.layout import parse_recent_path, recent_path, recent_prefix
from shared.archive.port import Archive
from shared.events.quantities import EPOCH
from shared.events.tensors import read_tensors
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow

log: BoundLogger = structlog.stdlib.get_logger(__name__)

SECOND = timedelta(seconds=1)


def keep_recent(archive: Archive, network: Network, rows: Sequence[RecentRow]) -> str:
    """Keep the rows of a history, at least one, in place of those of histories that end earlier; returns the path.

    Raises:
        ArchiveError: the archive does not do what is asked.
    """
    until = max(row.window_start for row in rows) + network.window
    path = recent_path(network.network_id, until)
    about = {
        "network_id": str(network.network_id),
        "sensors": json.dumps([sensor.sensor_id for sensor in network.sensors]),
    }
    tensors: dict[str, NDArray[Any]] = {
        "slots": np.array([row.slot for row in rows], dtype=np.int64),
        "window_starts_s": np.array([(row.window_start - EPOCH) // SECOND for row in rows], dtype=np.int64),
        "total_mph": np.ascontiguousarray(np.stack([row.total_mph for row in rows]), dtype=np.float32),
        "days": np.ascontiguousarray(np.stack([row.days for row in rows]), dtype=np.float32),
    }
    archive.write(path, save(tensors, about))
    for found in list(archive.list(recent_prefix(network.network_id))):
        ends = parse_recent_path(found.path)
        if ends is not None and ends < until:
            archive.delete(found.path)
    return path


def recent_before(archive: Archive, network: Network, instant: datetime) -> Sequence[RecentRow]:
    """The rows of the latest history that ends at or before `instant` (aware), oldest first; none where there is none.

    A damaged file is passed over.

    Raises:
        ArchiveError: the archive does not answer.
    """
    listed = [(parse_recent_path(found.path), found.path) for found in archive.list(recent_prefix(network.network_id))]
    usable = sorted((until, path) for until, path in listed if until is not None and until <= instant)
    for _, path in reversed(usable):
        try:
            return _rows(archive.read(path), network)
        except (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as damaged:
            log.error("passing over damaged recent speeds", path=path, detail=repr(damaged))  # noqa: TRY400 - foreseen
    return ()


def _rows(data: bytes, network: Network) -> Sequence[RecentRow]:
    about, kept = read_tensors(data)
    sensors = json.loads(about["sensors"])
    parts = zip(kept["slots"].tolist(), kept["window_starts_s"].tolist(), kept["total_mph"], kept["days"], strict=True)
    rows = [
        RecentRow(slot, (EPOCH + seconds * SECOND).astimezone(UTC), total, days).for_network(network, sensors)
        for slot, seconds, total, days in parts
    ]
    return sorted(rows, key=lambda row: row.window_start)
