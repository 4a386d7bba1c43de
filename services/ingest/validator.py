"""Bytes from the log become a `TrafficEvent`, or a `Rejection` that says what is wrong with them. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.present import FUTURE_TOLERANCE, too_far_ahead
from shared.events.quantities import EARLIEST, LATEST, LATITUDE, LONGITUDE, SHARE, SPEED, VOLUME, time_in_span
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.events.text import MAX_ID_CHARACTERS, composed, fault_of, most_written, quoted
from shared.traffic.network import Network

# How the value at an offset of a partition of `traffic-events` becomes an event: `shared.events.decoder.EventDecoder`.
EventDecode: TypeAlias = Callable[[bytes, int, int], TrafficEvent]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an event cannot be used: the class of fault, and one sentence with the offending value."""

    reason: RejectionReason
    detail: str


class EventValidator:
    """Decides whether an event can be used.

    Args:
        networks: the networks whose sensors are known.
        decode: how (value, partition, offset) becomes an event; raises `RejectedEventError`.
        future_tolerance: how far the clock of a sensor may run ahead.
    """

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        decode: EventDecode,
        future_tolerance: timedelta = FUTURE_TOLERANCE,
    ) -> None:
        self._sensors = {network_id: network.index for network_id, network in networks.items()}
        self._decode = decode
        self._future_tolerance = future_tolerance

    def validate(
        self, key: bytes | None, value: bytes | None, partition: int, offset: int, now: datetime
    ) -> TrafficEvent | Rejection:
        """The event at `offset` of `partition`, or why there is none; `now` is aware.

        A key that is missing or is not the event's sensor makes no rejection: the caller publishes the event again
        under the right key. Errors of `decode` other than `RejectedEventError` pass through: the event may be good.
        """
        if value is None:
            shown = "no key" if key is None else f"key {quoted(key)}"
            return Rejection(RejectionReason.UNDECODABLE, f"no value (a tombstone) under {shown}")
        try:
            event = self._decode(value, partition, offset)
        except RejectedEventError as rejected:
            return Rejection(rejected.reason, rejected.detail)
        if not (event.event_id.isascii() and event.sensor_id in self._sensors.get(event.network_id, ())):
            event = _composed(event)
        return self._identity_fault(event) or self._time_fault(event, now) or measure_fault(event) or event

    def _identity_fault(self, event: TrafficEvent) -> Rejection | None:
        if not event.event_id:
            return Rejection(RejectionReason.INVALID_FIELD, "event_id is empty")
        fault = fault_of(event.event_id, MAX_ID_CHARACTERS, is_id=True)
        if fault is not None:
            return Rejection(RejectionReason.INVALID_FIELD, f"event_id {fault}")
        sensors = self._sensors.get(event.network_id)
        if sensors is None:
            known = ", ".join(sorted(self._sensors))
            detail = f"network {quoted(event.network_id)} is not one of {known}"
            return Rejection(RejectionReason.UNKNOWN_NETWORK, detail)
        if event.sensor_id not in sensors:
            detail = f"network {event.network_id} has no sensor {quoted(event.sensor_id)}"
            return Rejection(RejectionReason.UNKNOWN_SENSOR, detail)
        return None

    def _time_fault(self, event: TrafficEvent, now: datetime) -> Rejection | None:
        fault = too_far_ahead("timestamp", event.timestamp, now, self._future_tolerance)
        if fault is not None:
            return Rejection(RejectionReason.TIMESTAMP_IN_FUTURE, fault)
        return None if time_in_span(event.timestamp) else _beyond(event.timestamp)


def _beyond(timestamp: datetime) -> Rejection:
    detail = f"timestamp {timestamp.isoformat()} is not within {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}"
    return Rejection(RejectionReason.TIMESTAMP_OUT_OF_RANGE, detail)


def _composed(event: TrafficEvent) -> TrafficEvent:
    """The event with its ids in Unicode's composed form, as networks have theirs."""
    return replace(
        event,
        event_id=_composed_id(event.event_id),
        network_id=NetworkId(_composed_id(event.network_id)),
        sensor_id=SensorId(_composed_id(event.sensor_id)),
    )


def _composed_id(text: str) -> str:
    # What is too long is left as it is, to be refused: cut, it might become another's id.
    return composed(text) if len(text) <= most_written(MAX_ID_CHARACTERS) else text


def measure_fault(event: TrafficEvent) -> Rejection | None:
    """What is wrong with the measures of an event, if anything.

    Every comparison is false for NaN, so NaN is out of every range. A missing measure (`None`) is never a fault.
    """
    speed, volume, occupancy = event.speed_mph, event.volume_vehicles, event.occupancy
    if speed is not None and not SPEED.holds(speed):
        return Rejection(RejectionReason.SPEED_OUT_OF_RANGE, f"speed_mph {speed} is not within {SPEED}")
    if volume is not None and not VOLUME.holds(volume):
        return Rejection(RejectionReason.VOLUME_OUT_OF_RANGE, f"volume_vehicles {volume} is not within {VOLUME}")
    if occupancy is not None and not SHARE.holds(occupancy):
        return Rejection(RejectionReason.OCCUPANCY_OUT_OF_RANGE, f"occupancy {occupancy} is not within {SHARE}")
    share = event.share_observed
    if share is not None and not SHARE.holds(share):
        return Rejection(RejectionReason.INVALID_FIELD, f"share_observed {share} is not within {SHARE}")
    if event.latitude is not None or event.longitude is not None:
        return _position_fault(event.latitude, event.longitude)
    return None


def _position_fault(latitude: float | None, longitude: float | None) -> Rejection | None:
    if latitude is None or longitude is None:
        detail = f"latitude {latitude} and longitude {longitude}: one of them is missing"
        return Rejection(RejectionReason.INVALID_FIELD, detail)
    if LATITUDE.holds(latitude) and LONGITUDE.holds(longitude):
        return None
    return Rejection(
        RejectionReason.COORDINATES_OUT_OF_RANGE, f"latitude {latitude}, longitude {longitude} is off the globe"
    )
