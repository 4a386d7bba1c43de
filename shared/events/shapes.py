"""Between a record and the plain values that fastavro reads and writes, derived from the dataclass itself. Pure."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

Shaped = TypeVar("Shaped")
Plain = dict[str, Any]


class Shape(Generic[Shaped]):
    """How a dataclass of scalars, datetimes, enums and tuples of such maps to a dictionary by field name."""

    def __init__(self, kind: type[Shaped]) -> None:
        hints = get_type_hints(kind)
        self.kind = kind
        self.names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]  # Shaped is a dataclass
        self._values = attrgetter(*self.names)
        self._times = tuple(name for name in self.names if datetime in _members(hints[name]))
        self._inward: list[tuple[str, Callable[[Any], Any]]] = []
        self._outward: list[tuple[str, Callable[[Any], Any]]] = []
        for name in self.names:
            self._convert(name, hints[name])

    def record(self, plain: Plain) -> Shaped:
        """The record of what fastavro has read; `plain` may be changed."""
        for name, convert in self._inward:
            plain[name] = convert(plain[name])
        return self.kind(**plain)

    def plain(self, record: Shaped) -> Plain:
        """What fastavro is to write; raises `ValueError` for a datetime without offset."""
        values: Plain = dict(zip(self.names, self._values(record), strict=True))
        for name in self._times:
            time = values[name]
            if time is not None and time.tzinfo is None:
                raise ValueError(f"{self.kind.__name__}.{name} has no UTC offset: {time}")
        for name, convert in self._outward:
            values[name] = convert(values[name])
        return values

    def _convert(self, name: str, hint: object) -> None:
        if isinstance(hint, type) and issubclass(hint, Enum):
            self._inward.append((name, hint))
        elif get_origin(hint) is tuple:
            item = get_args(hint)[0]
            if isinstance(item, type) and is_dataclass(item):
                shape: Shape[Any] = Shape(item)
                self._inward.append((name, lambda plains: tuple(map(shape.record, plains))))
                self._outward.append((name, lambda records: list(map(shape.plain, records))))
            else:
                self._inward.append((name, tuple))


def _members(hint: object) -> tuple[object, ...]:
    """The types that a hint allows besides `None`."""
    return tuple(member for member in get_args(hint) or (hint,) if member is not NoneType)
