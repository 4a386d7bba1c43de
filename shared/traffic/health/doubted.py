"""Which sensors of a network are not believed, why and since when, as the alert detector says it. Pure.

Whoever shows the health of sensors reads it from the topic: one record a network, written when it changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.limits import text_check
from shared.events.present import MADE_OF_READINGS, too_far_ahead
from shared.events.quantities import instant_of
from shared.events.records import NetworkId, SensorId
from shared.traffic.health.rules import Doubt

_ID = text_check("sensor_id")


@dataclass(frozen=True, slots=True)
class DoubtedSensor:
    """Why a sensor is not believed, and since when: the start of the first window of that doubt, event time."""

    doubt: Doubt
    since: datetime


@dataclass(frozen=True, slots=True)
class DoubtedSensors:
    """All sensors of a network that are not believed, as of the window that ended at `as_of`, event time."""

    network_id: NetworkId
    as_of: datetime
    sensors: Mapping[SensorId, DoubtedSensor]

    @property
    def key(self) -> str:
        """The key of its record."""
        return self.network_id


def write_doubted(doubted: DoubtedSensors) -> bytes:
    """The record's value, JSON."""
    fields = {
        "network_id": doubted.network_id,
        "as_of": doubted.as_of.isoformat(),
        "sensors": {
            sensor_id: [one.doubt.name.lower(), one.since.isoformat()]
            for sensor_id, one in sorted(doubted.sensors.items())
        },
    }
    return json.dumps(fields).encode()


def read_doubted(value: bytes) -> DoubtedSensors:
    """The record of a value.

    Raises:
        RejectedEventError: the bytes are none.
    """
    try:
        fields = json.loads(value)
        return DoubtedSensors(
            NetworkId(_ID(fields["network_id"])),
            instant_of(fields["as_of"]),
            {
                SensorId(_ID(sensor_id)): DoubtedSensor(_doubt(doubt), instant_of(since))
                for sensor_id, (doubt, since) in fields["sensors"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as unreadable:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"no doubted sensors: {unreadable!r}"[:200]) from None


def _doubt(name: str) -> Doubt:
    found = Doubt[name.upper()]
    if found is Doubt.NONE:
        raise ValueError("a doubt without a reason")
    return found


def require_doubted_present(doubted: DoubtedSensors, logged: datetime) -> None:
    """Raise `RejectedEventError` (TIMESTAMP_IN_FUTURE) where an event time is far ahead of when it was logged."""
    for name, time in (("as_of", doubted.as_of), *(("since", one.since) for one in doubted.sensors.values())):
        fault = too_far_ahead(name, time, logged, MADE_OF_READINGS)
        if fault is not None:
            raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, fault)
