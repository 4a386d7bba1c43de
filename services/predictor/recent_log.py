"""Recent speeds on the log: a row for each slot of both day types, read back when a partition is assigned.

Weeks of windows are too many to read back after a restart; the rows that they make are few. A row goes out with the
predictions of the step that completed it, before the step's windows are acknowledged. The topic is compacted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
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
                # It writes the memory as it lies.
                {TOTAL: np.ascontiguousarray(row.total_mph), DAYS: np.ascontiguousarray(row.days)},
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
    """Put every row on the log into what is known of its network, where it is newer than that, or all there is.

    Rows that a history gave lie behind newer ones that windows made: their place on the log says nothing. Damage goes
    aside.
    """
    found: dict[NetworkId, list[RecentRow]] = {}
    for record in await read_topic(bootstrap_servers, f"{client_id}-recall", PREDICTOR_STATE):
        try:
            for network_id, row in rows_in(record, into):
                found.setdefault(network_id, []).append(row)
        except RejectedEventError as rejected:
            letters.put(record, rejected, DECODE)
    for network_id, rows in found.items():
        put_rows(rows, into[network_id])


def put_rows(rows: Iterable[RecentRow], recent: RecentSpeeds) -> None:
    """Put rows, in any order, into what is known of their network."""
    newest: dict[int, RecentRow] = {}
    for row in sorted(rows, key=lambda one: one.window_start):
        newest[row.slot] = row
    for row in sorted(newest.values(), key=lambda one: one.window_start):
        if recent.learned is None or row.window_start > recent.learned:
            recent.learn(row)
        else:
            recent.fill([row])


def rows_in(record: LogRecord, networks: Mapping[NetworkId, RecentSpeeds]) -> Iterator[tuple[NetworkId, RecentRow]]:
    """The row of a record of one of these networks, with the network; raises `RejectedEventError` for a damaged one."""
    value = record.value
    if value is None:
        return
    try:
        about, kept = read_tensors(value)
        network_id = NetworkId(about["network_id"])
        if network_id not in networks:
            return
        start, slot = instant_of(about["window_start"]), int(about["slot"])
        row = RecentRow(slot, start, kept[TOTAL], kept[DAYS])
        mine = row.for_network(networks[network_id].network, json.loads(about["sensors"]))
        sums = all(np.isfinite(one).all() and (one >= 0).all() for one in (mine.total_mph, mine.days))
        if not sums or not 0 <= slot < len(networks[network_id].days):
            raise ValueError(f"slot {slot}, or sums that cannot be")  # noqa: TRY301 - told below
        ahead = too_far_ahead("window_start", start, logged_at(record.timestamp, datetime.now(UTC)), MADE_OF_READINGS)
        if ahead is not None:
            raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, ahead)
        yield network_id, mine
    except (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as damaged:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"a damaged row of recent speeds: {damaged!r}") from None
