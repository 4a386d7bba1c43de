"""Recent speeds on the log: a row for each slot of both day types, read back when a partition is assigned.

Weeks of windows are too many to read back after a restart; the rows that they make are few. A row goes out with the
predictions of the step that completed it, before the step's windows are acknowledged. The topic is compacted.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np
from safetensors.numpy import save

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.present import MADE_OF_READINGS, logged_at, too_far_ahead
from shared.events.quantities import instant_of
from shared.events.records import NetworkId
from shared.events.tensors import read_tensors
from shared.events.topics import PREDICTOR_STATE
from shared.kafka.deadletter import DECODE
from shared.kafka.following import read_topic
from shared.kafka.producer import Message
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

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


async def read_recent(
    bootstrap_servers: str, client_id: str, into: Mapping[NetworkId, RecentSpeeds], letters: ReaderLetters
) -> None:
    """Put every row on the log into what is known of its network, where it is newer than that; damage goes aside."""
    for record in await read_topic(bootstrap_servers, f"{client_id}-recall", PREDICTOR_STATE):
        try:
            _put(record, into)
        except RejectedEventError as rejected:
            letters.put(record, rejected, DECODE)


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
        start, slot = instant_of(about["window_start"]), int(about["slot"])
        sums = all(np.isfinite(one).all() and (one >= 0).all() for one in (total, days))
        if not sums or not 0 <= slot < len(recent.days):
            raise ValueError(f"slot {slot} of {len(recent.days)}, or sums that cannot be")  # noqa: TRY301 - told below
        ahead = too_far_ahead("window_start", start, logged_at(record.timestamp, datetime.now(UTC)), MADE_OF_READINGS)
        if ahead is not None:
            raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, ahead)
        recent.learn(RecentRow(slot, start, total, days))
    except (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as damaged:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"a damaged row of recent speeds: {damaged!r}") from None
