"""JSON objects, in our field names or in anybody's, become `TrafficEvent`s. Pure.

`docs/json-feeds.md` describes the formats; `shared.events.json_mapping_file` reads a mapping from its file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from math import isfinite
from operator import methodcaller
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.quantities import EPOCH
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.events.strict_json import read_strict
from shared.events.text import cut, quoted

EVENT_FIELDS: Final = tuple(each.name for each in fields(TrafficEvent))
SHOWN_FAULT_BYTES = 300

# Numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds March 1973.
LEAST_MILLISECONDS = 100_000_000_000

AUTO, ISO, EPOCH_S, EPOCH_MS = "auto", "iso", "epoch_s", "epoch_ms"
NAMED_FORMATS = (AUTO, ISO, EPOCH_S, EPOCH_MS)

# Finds the raw value of one field in a JSON object; `None` where there is none.
Find = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a feed writes its times.

    `pattern` is `auto` (ISO 8601, or a number of seconds or milliseconds since 1970 by its size), `iso`, `epoch_s`,
    `epoch_ms` or a pattern of `datetime.strptime`. `time_zone` is that of times without an offset; without it they are
    refused. Of a local time that a clock shows twice when daylight saving ends, the first is taken.
    """

    pattern: str = AUTO
    time_zone: ZoneInfo | None = None

    def read(self, value: object) -> datetime:
        """The instant in UTC; raises `ValueError` with one sentence where `value` is not a time of this format."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"{value!r} is not a time")  # noqa: TRY004  one error for every value that is not a time
        if self.pattern in {EPOCH_S, EPOCH_MS}:
            return _since_epoch(float(value), milliseconds=self.pattern == EPOCH_MS)
        if not isinstance(value, str):
            if self.pattern == AUTO:
                return _since_epoch(value, milliseconds=abs(value) >= LEAST_MILLISECONDS)
            raise ValueError(f"{value!r} is not text of the format {self.pattern}")
        if self.pattern in {AUTO, ISO}:
            return self._utc(datetime.fromisoformat(value.strip()))
        return self._utc(datetime.strptime(value.strip(), self.pattern))  # noqa: DTZ007  _utc gives or demands the zone

    def _utc(self, time: datetime) -> datetime:
        try:
            if time.tzinfo is not None:
                return time.astimezone(UTC)
            if self.time_zone is None:
                raise ValueError(f"{time.isoformat()} has no UTC offset, and no time zone is configured")
            instant = time.replace(tzinfo=self.time_zone).astimezone(UTC)
            if instant.astimezone(self.time_zone).replace(tzinfo=None) != time:
                raise ValueError(f"{time.isoformat()} does not exist in {self.time_zone}: clocks went forward over it")
        except OverflowError as beyond:
            raise ValueError(f"{time.isoformat()} is beyond the calendar") from beyond
        return instant


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
            RejectedEventError: UNDECODABLE where `payload` is not a JSON object, MAPPING_FAILED where a field is
                missing, unknown or of a wrong type.
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
        # JMESPath's own errors are ValueErrors; its functions also stumble over infinities and over mixed types.
        except (ValueError, ArithmeticError, TypeError, LookupError, RecursionError) as failed:
            raise _failed(name, str(failed)) from failed
        return None if value in self.missing.get(name, ()) else value

    def _text(self, message: Mapping[str, Any], name: str) -> str | None:
        value = self._raw(message, name)
        if value is None:
            constant = self.constants.get(name)
            return None if constant is None else str(constant)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise _failed(name, f"{quoted(value)} is not text")
        return str(value).strip()

    def _time(self, message: Mapping[str, Any]) -> datetime:
        value = self._raw(message, "timestamp")
        if value is None:
            _lacks("timestamp")
        try:
            return self.times.read(value)
        except (ValueError, OverflowError) as wrong:  # a number beyond every float
            raise _failed("timestamp", str(wrong)) from wrong

    def _number(self, message: Mapping[str, Any], name: str) -> float | None:
        value = self._raw(message, name)
        if value is None:
            constant = self.constants.get(name)
            return None if constant is None else float(constant)
        textual = isinstance(value, str) and not self.own_names
        if isinstance(value, bool) or not (textual or isinstance(value, int | float)):
            raise _failed(name, f"{quoted(value)} is not a number")
        try:
            number = float(value)
        except (ValueError, OverflowError) as wrong:
            raise _failed(name, f"{quoted(value)} is not a number") from wrong
        if number in self.missing.get(name, ()):
            return None
        converted = number * self.factors.get(name, 1.0)
        if not isfinite(converted):
            raise _failed(name, f"{quoted(value)} is not a finite number")
        return converted


def own_names(network_id: NetworkId | None = None) -> JsonMapping:
    """The reader of objects in our own field names; `network_id` for those that name no network."""
    find = {name: methodcaller("get", name) for name in EVENT_FIELDS}
    return JsonMapping(find, network_id=network_id, own_names=True)


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        message = read_strict(payload.decode("utf-8-sig"))
    # RecursionError: brackets nested a thousand deep.
    except (ValueError, RecursionError) as damaged:
        detail = f"{len(payload)} bytes are not JSON: {cut(str(damaged), SHOWN_FAULT_BYTES)}"
        raise RejectedEventError(RejectionReason.UNDECODABLE, detail) from damaged
    if not isinstance(message, dict):
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"a JSON {type(message).__name__}, not an object")
    return message


def _refuse_unknown(message: Mapping[str, Any]) -> None:
    unknown = [name for name in message if name not in EVENT_FIELDS]
    if unknown:
        detail = f"unknown field {quoted(unknown[0])}; an event has {', '.join(EVENT_FIELDS)}"
        raise RejectedEventError(RejectionReason.MAPPING_FAILED, detail)


def _lacks(name: str) -> NoReturn:
    raise _failed(name, "it is missing")


def _failed(name: str, why: str) -> RejectedEventError:
    return RejectedEventError(RejectionReason.MAPPING_FAILED, f"{name}: {cut(why, SHOWN_FAULT_BYTES)}")


def _since_epoch(number: float, *, milliseconds: bool) -> datetime:
    try:
        # Through whole milliseconds, the precision of the log, so that 0.1 s does not become 0.09999 s.
        return EPOCH + timedelta(milliseconds=round(number if milliseconds else number * 1_000))
    except (OverflowError, ValueError) as beyond:
        raise ValueError(f"{number!r} is not a time since 1970") from beyond
