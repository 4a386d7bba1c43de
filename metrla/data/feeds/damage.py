"""Damaged events, to see what a pipeline does with them: one kind for each reason to reject an Avro event. Pure."""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.events.avro import encode
from shared.events.errors import RejectionReason
from shared.events.records import NetworkId, SensorId, TrafficEvent

AHEAD = timedelta(days=30)
HALF = 0.5
FINGERPRINT = slice(2, 10)


@dataclass(frozen=True, slots=True)
class Damaged:
    """The bytes of a damaged event, and what a consumer must make of them."""

    key: bytes
    value: bytes
    reason: RejectionReason


Spoil = Callable[[TrafficEvent, random.Random, datetime], bytes]


def _truncated(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    whole = encode(event)
    return whole[: rng.randrange(1, len(whole))]


def _unknown_schema(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    whole = bytearray(encode(event))
    whole[FINGERPRINT] = rng.randbytes(FINGERPRINT.stop - FINGERPRINT.start)
    return bytes(whole)


def _future(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    return encode(replace(event, timestamp=now + AHEAD + timedelta(seconds=rng.randrange(3600))))


def _ancient(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    year = rng.choice((1, 1600, 1969))
    return encode(replace(event, timestamp=event.timestamp.replace(year=year, month=1, day=1)))


def _speed(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    return encode(replace(event, speed_mph=rng.choice((-5.0, 121.0, 655.35, float("nan"), float("inf")))))


def _volume(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    return encode(replace(event, volume_vehicles=rng.choice((-float(rng.randint(1, 100)), 1e9, sys.float_info.max))))


def _occupancy(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    return encode(replace(event, occupancy=rng.choice((-0.1, 1.01, 37.0))))


def _coordinates(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    latitude, longitude = rng.choice(((91.0, -118.2), (34.0, -181.0), (float("nan"), 0.0)))
    return encode(replace(event, latitude=latitude, longitude=longitude))


def _field(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    if rng.random() < HALF:
        return encode(replace(event, share_observed=rng.choice((-0.5, 100.0))))
    return encode(replace(event, event_id=rng.choice(("", "x\0y", "x\x1b]0;y\x07", "x\u202ey", "e" * 10_000))))


def _network(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    return encode(replace(event, network_id=NetworkId(f"no-such-network-{rng.randrange(100)}")))


def _sensor(event: TrafficEvent, rng: random.Random, now: datetime) -> bytes:
    del now
    return encode(replace(event, sensor_id=SensorId(f"no-such-sensor-{rng.randrange(1000)}")))


SPOIL: dict[RejectionReason, Spoil] = {
    RejectionReason.UNDECODABLE: _truncated,
    RejectionReason.UNKNOWN_SCHEMA: _unknown_schema,
    RejectionReason.TIMESTAMP_IN_FUTURE: _future,
    RejectionReason.SPEED_OUT_OF_RANGE: _speed,
    RejectionReason.VOLUME_OUT_OF_RANGE: _volume,
    RejectionReason.OCCUPANCY_OUT_OF_RANGE: _occupancy,
    RejectionReason.COORDINATES_OUT_OF_RANGE: _coordinates,
    RejectionReason.INVALID_FIELD: _field,
    RejectionReason.TIMESTAMP_OUT_OF_RANGE: _ancient,
    RejectionReason.UNKNOWN_NETWORK: _network,
    RejectionReason.UNKNOWN_SENSOR: _sensor,
}


class Damager:
    """Makes damaged copies of some events; the events themselves stay as they are.

    Args:
        share: of the events that get a damaged copy, 0 to 1.
        seed: picks the events and their damage.
    """

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def copy_of(self, event: TrafficEvent, now: datetime) -> Damaged | None:
        """A damaged copy of `event`, or none; `now` is the wall clock, which decides what lies in the future."""
        if self._rng.random() >= self._share:
            return None
        reason = self._rng.choice(list(SPOIL))
        damaged = SPOIL[reason](replace(event, event_id=f"damaged-{event.event_id}"), self._rng, now)
        return Damaged(event.sensor_id.encode(), damaged, reason)
