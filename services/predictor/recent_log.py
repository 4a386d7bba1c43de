"""Recent speeds on the log: a row for each slot of both day types, read back when a partition is assigned.

Weeks of windows are too many to read back after a restart; the rows that they make are few. A row goes out with the
predictions of the step that completed it, before the step's windows are acknowledged. The topic is compacted.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import structlog
from safetensors.numpy import save
from structlog.stdlib import BoundLogger

from shared.events.records import NetworkId
from shared.events.tensors import read_tensors
from shared.events.topics import PREDICTOR_STATE
from shared.kafka.following import read_topic
from shared.kafka.producer import Message
from shared.kafka.replay import LogRecord
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

log: BoundLogger = structlog.stdlib.get_logger(__name__)

TOTAL, DAYS = "total_mph", "days"


def messages_of(network: Network, rows: Iterable[RecentRow]) -> list[Message]:
    """What keeps rows of a network."""
    sensors = json.dumps([sensor.sensor_id for sensor in network.sensors])
    return [
        Message(
            PREDICTOR_STATE.name,
            f"{network.network_id}/{row.slot}".encode(),
            save(
                {TOTAL: row.total_mph, DAYS: row.days},
                {
                    "network_id": network.network_id,
                    "slot": str(row.slot),
                    "window_start": row.window_start.isoformat(),
                    "sensors": sensors,
                },
            ),
        )
        for row in rows
    ]


async def read_recent(bootstrap_servers: str, client_id: str, into: Mapping[NetworkId, RecentSpeeds]) -> None:
    """Put every row on the log into what is known of its network, where it is newer than that."""
    for record in await read_topic(bootstrap_servers, f"{client_id}-recall", PREDICTOR_STATE):
        _put(record, into)


def _put(record: LogRecord, into: Mapping[NetworkId, RecentSpeeds]) -> None:
    value = record.value
    if value is None:
        return
    try:
        about, kept = read_tensors(value)
        recent = into.get(NetworkId(about["network_id"]))
        if recent is None:
            return
        place = {sensor: at for at, sensor in enumerate(json.loads(about["sensors"]))}
        at = np.array([place.get(sensor.sensor_id, -1) for sensor in recent.network.sensors], dtype=np.intp)
        total, days = (np.where(at < 0, np.float32(0), kept[name][at]) for name in (TOTAL, DAYS))
        recent.learn(RecentRow(int(about["slot"]), datetime.fromisoformat(about["window_start"]), total, days))
    except (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as damaged:
        log.error("passing over a damaged row of recent speeds", offset=record.offset, detail=repr(damaged))  # noqa: TRY400 - foreseen
