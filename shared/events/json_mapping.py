"""JSON objects, in our field names or in anybody's, become `TrafficEvent`s. Pure.

`docs/json-feeds.md` describes the formats; `shared.events.json_mapping_file` reads a mapping from its file.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import methodcaller
from typing import Any, Final, NoReturn

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.json_times import TimeFormat
from shared.events.records import NetworkId, SensorId, TrafficEvent

EVENT_FIELDS: Final = tuple(each.name for each in fields(TrafficEvent))
SHOWN_CHARACTERS = 80

# Finds the raw value of one field in a JSON object; `None` where there is none.
Find = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class JsonMapping:
    """How the JSON objects of a feed become events.

    Args:
        find: where each field of `TrafficEvent` stands. A field that it lacks comes from `constants` or is missing.
        times: how timestamps are written.
        factors: what to multiply a measure by to have it in our unit.
        missing: values of a field that mean 'no value', before any conversion.
        constants: values of fields that the feed does not send, in our units.
        network_id: network of events that name none, if there is only one.
        own_names: whether the objects are in our own field names. Then numbers must be JSON numbers and a field that we
            do not know is a fault, because a misspelt measure would be lost without a word.
    """

    find: Mapping[str, Find]
    times: TimeFormat = field(default_factory=TimeFormat)
    factors: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, Sequence[object]] = field(default_factory=dict)
    constants: Mapping[str, str | float] = field(default_factory=dict)
    network_id: NetworkId | None = None
    own_names: bool = False

    def read(self, payload: bytes, fallback_id: str) -> TrafficEvent:
        """The event in a JSON object; `fallback_id` is its event_id if it has none.

        Raises:
            RejectedEventError: UNDECODABLE where `payload` is no JSON object, MAPPING_FAILED where a field is missing,
                unknown or of a wrong type.
        """
        message = _parsed(payload)
        if self.own_names:
            _refuse_unknown(message)
        return TrafficEvent(
            event_id=self._text(message, "event_id") or fallback_id,
            network_id=NetworkId(self._text(message, "network_id") or self.network_id or _lacks("network_id")),
            sensor_id=SensorId(self._text(message, "sensor_id") or _lacks("sensor_id")),
            timestamp=self._time(message),
            speed_mph=self._number(message, "speed_mph"),
            volume_vehicles=self._number(message, "volume_vehicles"),
            occupancy=self._number(message, "occupancy"),
            share_observed=self._number(message, "share_observed"),
            latitude=self._number(message, "latitude"),
            longitude=self._number(message, "longitude"),
        )

    def _raw(self, message: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  a value of JSON
        find = self.find.get(name)
        if find is None:
            return None
        try:
            value = find(message)
        except ValueError as failed:  # JMESPath's errors all are
            raise _failed(name, str(failed)) from failed
        return None if value in self.missing.get(name, ()) else value

    def _text(self, message: Mapping[str, Any], name: str) -> str | None:
        value = self._raw(message, name)
        if value is None:
            constant = self.constants.get(name)
            return None if constant is None else str(constant)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _failed(name, f"{_shown(value)} is no text")
        return str(value).strip()

    def _time(self, message: Mapping[str, Any]) -> datetime:
        value = self._raw(message, "timestamp")
        if value is None:
            _lacks("timestamp")
        try:
            return self.times.read(value)
        except ValueError as wrong:
            raise _failed("timestamp", str(wrong)) from wrong

    def _number(self, message: Mapping[str, Any], name: str) -> float | None:
        value = self._raw(message, name)
        if value is None:
            constant = self.constants.get(name)
            return None if constant is None else float(constant)
        textual = isinstance(value, str) and not self.own_names
        if isinstance(value, bool) or not (textual or isinstance(value, int | float)):
            raise _failed(name, f"{_shown(value)} is no number")
        try:
            number = float(value)
        except (ValueError, OverflowError) as wrong:
            raise _failed(name, f"{_shown(value)} is no number") from wrong
        return None if number in self.missing.get(name, ()) else number * self.factors.get(name, 1.0)


def own_names(network_id: NetworkId | None = None) -> JsonMapping:
    """The reader of objects in our own field names; `network_id` for those that name no network."""
    find = {name: methodcaller("get", name) for name in EVENT_FIELDS}
    return JsonMapping(find, network_id=network_id, own_names=True)


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        message = json.loads(payload.decode("utf-8-sig"), parse_constant=_refuse_constant)
    # RecursionError: brackets nested a thousand deep.
    except (ValueError, RecursionError) as damaged:
        detail = f"{len(payload)} bytes are no JSON: {damaged}"
        raise RejectedEventError(RejectionReason.UNDECODABLE, detail) from damaged
    if not isinstance(message, dict):
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"a JSON {type(message).__name__}, not an object")
    return message


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _refuse_unknown(message: Mapping[str, Any]) -> None:
    unknown = [name for name in message if name not in EVENT_FIELDS]
    if unknown:
        detail = f"unknown field {_shown(unknown[0])}; an event has {', '.join(EVENT_FIELDS)}"
        raise RejectedEventError(RejectionReason.MAPPING_FAILED, detail)


def _lacks(name: str) -> NoReturn:
    raise _failed(name, "it is missing")


def _failed(name: str, why: str) -> RejectedEventError:
    return RejectedEventError(RejectionReason.MAPPING_FAILED, f"{name}: {why}")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."
