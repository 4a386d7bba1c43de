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
    """One sensor: seconds by which its clock is fast (slow where negative; `None`: not off), readings too late."""

    ahead_s: float | None
    too_late: int


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


def write_times(times: SensorTimes) -> bytes:
    """The record's value, JSON; of more than `MOST_SENSORS` sensors those with the most late readings."""
    worst = sorted(times.sensors.items(), key=lambda entry: (-entry[1].too_late, entry[0]))[:MOST_SENSORS]
    fields = {
        "network_id": times.network_id,
        "partition": times.partition,
        "since": times.since.isoformat(),
        "as_of": times.as_of.isoformat(),
        "sensors": {sensor_id: [one.ahead_s, one.too_late] for sensor_id, one in worst},
    }
    return json.dumps(fields).encode()


def read_times(value: bytes) -> SensorTimes:
    """The record of a value.

    Raises:
        RejectedEventError: the bytes are none.
    """
    try:
        fields = json.loads(value)
        return SensorTimes(
            NetworkId(_ID(fields["network_id"])),
            int(_PARTITION(fields["partition"])),
            instant_of(fields["since"]),
            instant_of(fields["as_of"]),
            {
                SensorId(_ID(sensor_id)): SensorTime(
                    None if ahead_s is None else float(_AHEAD(ahead_s)), int(_TOO_LATE(too_late))
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
