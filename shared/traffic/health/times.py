"""What is wrong with the times of sensors: clocks that are off, readings that came too late. Pure.

Ingest knows it, for each partition of its own; whoever shows the health of sensors reads it from the topic.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.limits import number_check, text_check
from shared.events.present import FUTURE_TOLERANCE, too_far_ahead
from shared.events.quantities import instant_of
from shared.events.records import NetworkId, SensorId

MOST_SENSORS = 1_000
_ID = text_check("sensor_id")
_PARTITION, _AHEAD, _TOO_LATE = (number_check(name) for name in ("partition", "ahead_s", "too_late"))


@dataclass(frozen=True, slots=True)
class SensorTime:
    """One sensor: seconds by which its clock is fast (slow where negative; `None`: not off), readings too late.

    `off_since` is when ingest first saw the clock off (wall time); `None` where it is not, or is not known.
    """

    ahead_s: float | None
    too_late: int
    off_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SensorTimes:
    """The sensors of a network in one partition with whose times something is wrong; wall times.

    `too_late` counts since `since`, when ingest took the partition up; `as_of` is when this was said.
    """

    network_id: NetworkId
    partition: int
    since: datetime
    as_of: datetime
    sensors: Mapping[SensorId, SensorTime]

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{self.network_id}/{self.partition}"


class ClocksOff:
    """The sensors whose clocks are off, by what was last said of each partition of each network."""

    def __init__(self) -> None:
        self._said: dict[NetworkId, dict[int, frozenset[SensorId]]] = {}

    def of(self, network_id: NetworkId) -> frozenset[SensorId]:
        """Those of a network."""
        return frozenset().union(*self._said.get(network_id, {}).values())

    def take(self, times: SensorTimes) -> None:
        """Take one record in, in the order of the log."""
        off = frozenset(sensor_id for sensor_id, one in times.sensors.items() if one.ahead_s is not None)
        self._said.setdefault(times.network_id, {})[times.partition] = off

    def restart(self) -> None:
        """Drop everything: all of the log is about to come again."""
        self._said.clear()


def write_times(times: SensorTimes) -> bytes:
    """The record's value, JSON; of more than `MOST_SENSORS` sensors those with the most late readings."""
    worst = sorted(times.sensors.items(), key=lambda entry: (-entry[1].too_late, entry[0]))[:MOST_SENSORS]
    fields = {
        "network_id": times.network_id,
        "partition": times.partition,
        "since": times.since.isoformat(),
        "as_of": times.as_of.isoformat(),
        "sensors": {sensor_id: [one.ahead_s, one.too_late] for sensor_id, one in worst},
        # Beside the others, where releases that do not know it pass over it.
        "off_since": {sensor_id: one.off_since.isoformat() for sensor_id, one in worst if one.off_since is not None},
    }
    return json.dumps(fields).encode()


def read_times(value: bytes) -> SensorTimes:
    """The record of a value.

    Raises:
        RejectedEventError: the bytes are none.
    """
    try:
        fields = json.loads(value)
        off_since = {sensor_id: instant_of(text) for sensor_id, text in fields.get("off_since", {}).items()}
        return SensorTimes(
            NetworkId(_ID(fields["network_id"])),
            int(_PARTITION(fields["partition"])),
            instant_of(fields["since"]),
            instant_of(fields["as_of"]),
            {
                SensorId(_ID(sensor_id)): SensorTime(
                    None if ahead_s is None else float(_AHEAD(ahead_s)),
                    int(_TOO_LATE(too_late)),
                    off_since.get(sensor_id),
                )
                for sensor_id, (ahead_s, too_late) in fields["sensors"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as unreadable:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"no times of sensors: {unreadable!r}"[:200]) from None


def require_times_present(times: SensorTimes, logged: datetime) -> None:
    """Raise `RejectedEventError` (TIMESTAMP_IN_FUTURE) where a wall time is far ahead of when the record was logged."""
    for name, time in (("since", times.since), ("as_of", times.as_of)):
        fault = too_far_ahead(name, time, logged, FUTURE_TOLERANCE)
        if fault is not None:
            raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, fault)
