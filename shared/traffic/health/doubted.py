"""Which sensors of a network are not believed, why and since when, as the alert detector says it. Pure.

Whoever shows the health of sensors reads it from the topic: one record a network, written when it changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.records import NetworkId, SensorId
from shared.traffic.health.rules import Doubt


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
            NetworkId(str(fields["network_id"])),
            _instant(fields["as_of"]),
            {
                SensorId(sensor_id): DoubtedSensor(Doubt[doubt.upper()], _instant(since))
                for sensor_id, (doubt, since) in fields["sensors"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as unreadable:
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"no doubted sensors: {unreadable!r}"[:200]) from None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return instant
