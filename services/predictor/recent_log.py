"""Recent speeds and sensor health on the log, read back when a partition is assigned.

Weeks of windows are too many to read back after a restart; what they make is little: a row of recent speeds for each
slot of both day types, and one record with the health of all sensors. They go out with the predictions of the step that
completed them, before the step's windows are acknowledged. The topic is compacted.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors.numpy import save
from structlog.stdlib import BoundLogger

from shared.events.records import NetworkId
from shared.events.tensors import read_tensors
from shared.events.topics import PREDICTOR_STATE
from shared.forecasting.inputs.health_course import KEPT_WINDOWS, HealthCourse, JudgedWindow
from shared.kafka.following import read_topic
from shared.kafka.producer import Message
from shared.kafka.replay import LogRecord
from shared.traffic.health.rules import SensorHealth
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

log: BoundLogger = structlog.stdlib.get_logger(__name__)

TOTAL, DAYS = "total_mph", "days"
HEALTH, DOUBT = "health", "doubt"
NO_HEALTH: Mapping[NetworkId, HealthCourse] = {}


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
    health: Mapping[NetworkId, HealthCourse] = NO_HEALTH,
) -> None:
    """Put every record on the log into what is known of its network, where it is newer than that."""
    for record in await read_topic(bootstrap_servers, f"{client_id}-recall", PREDICTOR_STATE):
        _put(record, into, health)


def _put(
    record: LogRecord, into: Mapping[NetworkId, RecentSpeeds], health: Mapping[NetworkId, HealthCourse] = NO_HEALTH
) -> None:
    value = record.value
    if value is None:
        return
    try:
        about, kept = read_tensors(value)
        network_id = NetworkId(about["network_id"])
        if DOUBT in kept:
            if network_id in health:
                _put_health(about, kept, health[network_id])
            return
        recent = into.get(network_id)
        if recent is None:
            return
        at = _places(about, recent.network)
        total, days = (np.where(at < 0, np.float32(0), kept[name][at]) for name in (TOTAL, DAYS))
        recent.learn(RecentRow(int(about["slot"]), datetime.fromisoformat(about["window_start"]), total, days))
    except (KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as damaged:
        log.error("passing over a damaged record", offset=record.offset, detail=repr(damaged))  # noqa: TRY400 - foreseen


def _put_health(about: Mapping[str, str], kept: Mapping[str, NDArray[Any]], course: HealthCourse) -> None:
    """Restore the health of the sensors that the network still has; of others, and of new fields, nothing is known."""
    at, unknown, road = _places(about, course.network), SensorHealth.unknown(len(course.network.sensors)), course.road
    count = len(json.loads(about["sensors"]))
    starts = [datetime.fromisoformat(start) for start in json.loads(about["doubted"])]
    if kept[DOUBT].shape != (len(starts), count):
        raise ValueError(f"doubts of shape {kept[DOUBT].shape}")
    arrays = {}
    for one in fields(SensorHealth):
        start = getattr(unknown, one.name)
        found = kept.get(one.name, start)
        if one.name in kept and (found.shape != (count,) or not np.can_cast(found.dtype, start.dtype, "same_kind")):
            raise ValueError(f"{one.name} of another form")
        told = found.astype(start.dtype)[at] if one.name in kept else start
        arrays[one.name] = np.where(at < 0, start, told)[road.columns]
    health, end = SensorHealth(**arrays), datetime.fromisoformat(about["window_start"])
    doubts = np.where(at < 0, 0, kept[DOUBT][:, at]).astype(np.int8)
    windows = [JudgedWindow(start, doubt, health) for start, doubt in zip(starts, doubts, strict=True)]
    if windows and windows[-1].window_start == end:
        course.learn(windows)


def _places(about: Mapping[str, str], network: Network) -> NDArray[np.intp]:
    """The place of each sensor of a network in a record, -1: none."""
    place = {sensor: at for at, sensor in enumerate(json.loads(about["sensors"]))}
    return np.array([place.get(sensor.sensor_id, -1) for sensor in network.sensors], dtype=np.intp)
