"""Recent speeds and sensor health on the log, read back when a partition is assigned.

Weeks of windows are too many to read back after a restart; what they make is little: a row of recent speeds for each
slot of both day types, and one record with the health of all sensors. They go out with the predictions of the step that
completed them, before the step's windows are acknowledged. The topic is compacted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.present import MADE_OF_READINGS, logged_at, too_far_ahead
from shared.events.quantities import instant_of
from shared.events.records import NetworkId
from shared.events.tensors import read_tensors
from shared.events.topics import PREDICTOR_STATE
from shared.forecasting.inputs.health_course import KEPT_WINDOWS, HealthCourse, JudgedWindow
from shared.kafka.deadletter import DECODE
from shared.kafka.following import read_topic
from shared.kafka.producer import Message
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.traffic.health.rules import Doubt, SensorHealth
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

TOTAL, DAYS = "total_mph", "days"
HEALTH, DOUBT = "health", "doubt"
NO_HEALTH: Mapping[NetworkId, HealthCourse] = {}
DAMAGE = (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError)


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


def health_messages(course: HealthCourse, windows: Sequence[JudgedWindow]) -> list[Message]:
    """What keeps the health of a network after further windows, oldest first; `course` is as of before them."""
    if not windows:
        return []
    network, newest = course.network, windows[-1]
    doubts = [*course.kept, *((one.window_start, one.doubt) for one in windows)][-KEPT_WINDOWS:]
    arrays: dict[str, NDArray[Any]] = {one.name: getattr(newest.health, one.name) for one in fields(SensorHealth)}
    # Of a sensor's own place in a record there is one meaning: that in `network.sensors`.
    arrays = {name: np.ascontiguousarray(values[course.road.positions]) for name, values in arrays.items()}
    about = {
        "network_id": network.network_id,
        "window_start": newest.window_start.isoformat(),
        "sensors": json.dumps([sensor.sensor_id for sensor in network.sensors]),
        "doubted": json.dumps([start.isoformat() for start, _ in doubts]),
    }
    value = save({**arrays, DOUBT: np.stack([doubt for _, doubt in doubts])}, about)
    return [Message(PREDICTOR_STATE.name, f"{network.network_id}/{HEALTH}".encode(), value)]


async def read_recent(
    bootstrap_servers: str,
    client_id: str,
    into: Mapping[NetworkId, RecentSpeeds],
    letters: ReaderLetters,
    health: Mapping[NetworkId, HealthCourse] = NO_HEALTH,
) -> None:
    """Put every record on the log into what is known of its network, where it is newer than that, or all there is.

    Rows that a history gave lie behind newer ones that windows made: their place on the log says nothing. Damage goes
    aside.
    """
    found: dict[NetworkId, list[RecentRow]] = {}
    for record in await read_topic(bootstrap_servers, f"{client_id}-recall", PREDICTOR_STATE):
        try:
            for network_id, row in rows_in(record, into):
                found.setdefault(network_id, []).append(row)
            for network_id, windows in health_in(record, health):
                health[network_id].learn(windows)
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
        if network_id not in networks or DOUBT in kept:
            return
        start = instant_of(about["window_start"])
        row = RecentRow(int(about["slot"]), start, kept[TOTAL], kept[DAYS])
        mine = row.for_network(networks[network_id].network, json.loads(about["sensors"]))
        _require_present(record, start)
        yield network_id, mine
    except DAMAGE as damaged:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"a damaged row of recent speeds: {damaged!r}") from None


def health_in(
    record: LogRecord, networks: Mapping[NetworkId, HealthCourse]
) -> Iterator[tuple[NetworkId, Sequence[JudgedWindow]]]:
    """The judged windows of a record of one of these networks, with the network, to be learned; oldest first.

    Of sensors that the record does not name, and of fields that it does not have, nothing is known.

    Raises:
        RejectedEventError: it is damaged, or dated far ahead.
    """
    value = record.value
    if value is None:
        return
    try:
        about, kept = read_tensors(value)
        network_id = NetworkId(about["network_id"])
        if network_id not in networks or DOUBT not in kept:
            return
        course, names = networks[network_id], list(json.loads(about["sensors"]))
        starts = [instant_of(start) for start in json.loads(about["doubted"])]
        window_start = instant_of(about["window_start"])
        if not starts or starts != sorted(set(starts)) or starts[-1] != window_start:
            raise ValueError(f"windows {starts} up to {window_start}")
        if kept[DOUBT].shape != (len(starts), len(names)) or kept[DOUBT].dtype != np.int8:
            raise ValueError(f"doubts of shape {kept[DOUBT].shape}")
        _require_present(record, window_start)
        health = _health_of(kept, names, course)
        at = _places(names, course.network)
        doubts = np.where(at < 0, np.int8(Doubt.NONE), kept[DOUBT][:, at])
        windows = [JudgedWindow(*one, health) for one in zip(starts, doubts, strict=True)]
        yield network_id, windows
    except DAMAGE as damaged:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"damaged health of sensors: {damaged!r}") from None


def _health_of(kept: Mapping[str, NDArray[Any]], names: Sequence[str], course: HealthCourse) -> SensorHealth:
    """What a record remembers of the sensors of a network, in road order; raises `ValueError` where it cannot be."""
    at, unknown = _places(names, course.network), SensorHealth.unknown(len(course.network.sensors))
    arrays = {}
    for one in fields(SensorHealth):
        start = getattr(unknown, one.name)
        told = kept.get(one.name)
        if told is None:
            arrays[one.name] = start
            continue
        if told.shape != (len(names),) or not np.can_cast(told.dtype, start.dtype, "same_kind"):
            raise ValueError(f"{one.name} of another form")
        sound = np.isfinite(told) | (np.isnan(told) & np.isnan(start).all())
        if not sound.all() or (told.dtype.kind in "iu" and (told < 0).any()):
            raise ValueError(f"{one.name} that cannot be")
        arrays[one.name] = np.where(at < 0, start, told.astype(start.dtype)[at])[course.road.columns]
    return SensorHealth(**arrays)


def _places(names: Sequence[str], network: Network) -> NDArray[np.intp]:
    """The place of each sensor of a network among the names of a record, -1: none."""
    place = {sensor: at for at, sensor in enumerate(names)}
    return np.array([place.get(sensor.sensor_id, -1) for sensor in network.sensors], dtype=np.intp)


def _require_present(record: LogRecord, window_start: datetime) -> None:
    ahead = too_far_ahead(
        "window_start", window_start, logged_at(record.timestamp, datetime.now(UTC)), MADE_OF_READINGS
    )
    if ahead is not None:
        raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, ahead)
