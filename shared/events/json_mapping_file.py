"""Read a JSON mapping from its TOML file; `docs/json-feeds.md` describes the format."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from shared.events.errors import ConfigurationError
from shared.events.json_arithmetic import compile_expression
from shared.events.json_mapping import AUTO, NAMED_FORMATS, Find, JsonMapping, TimeFormat
from shared.events.quantities import METRES_PER_MILE
from shared.events.records import NetworkId
from shared.events.text import quoted
from shared.events.zones import read_zone

SPEED_FACTORS = {"mph": 1.0, "kmh": 1_000 / METRES_PER_MILE, "mps": 3_600 / METRES_PER_MILE}
SHARE_FACTORS = {"fraction": 1.0, "percent": 0.01, "permille": 0.001}
SECONDS_OF_RATE = {"vehicles_per_hour": 3_600, "vehicles_per_minute": 60, "vehicles_per_second": 1}
DAY_S = 86_400

Share = Literal["fraction", "percent", "permille"]
Measure = Literal["speed_mph", "volume_vehicles", "occupancy", "share_observed", "latitude", "longitude"]
EventField = Literal["event_id", "network_id", "sensor_id", "timestamp"] | Measure
SAMPLE_TIME = datetime(2012, 5, 2, 7, 30, 15, tzinfo=UTC)
IDS = frozenset({"network_id", "sensor_id"})


def _known_zone(name: str) -> str:
    try:
        read_zone(name)
    except ValueError as unknown:
        raise ValueError(f"{quoted(name)} {unknown}") from unknown
    return name


def _known_format(pattern: str) -> str:
    if pattern in NAMED_FORMATS:
        return pattern
    if "%" not in pattern:
        raise ValueError(f"{pattern!r} is neither {', '.join(NAMED_FORMATS)} nor a pattern such as %Y-%m-%d %H:%M:%S")
    # Tried for the ValueError that a wrong pattern raises.
    try:
        datetime.strptime(SAMPLE_TIME.strftime(pattern), pattern)  # noqa: DTZ007  the result is not used
    except re.error as odd:
        raise ValueError(f"{pattern!r} is no pattern of a time: {odd}") from odd
    return pattern


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Units(_Section):
    speed: Literal["mph", "kmh", "mps"] = "mph"
    occupancy: Share = "fraction"
    share_observed: Share = "fraction"
    volume: Literal["vehicles", "vehicles_per_hour", "vehicles_per_minute", "vehicles_per_second"] = "vehicles"
    period_seconds: Annotated[float, Field(gt=0, le=DAY_S, strict=False)] | None = None

    @model_validator(mode="after")
    def _with_period(self) -> "_Units":
        if (self.volume == "vehicles") != (self.period_seconds is None):
            raise ValueError(
                "period_seconds is for volumes per time only"
                if self.volume == "vehicles"
                else f"volume in {self.volume} needs period_seconds: the length of the period that a reading is about"
            )
        return self

    @property
    def vehicles(self) -> float:
        """What a volume is multiplied by to be vehicles in its period."""
        return 1.0 if self.period_seconds is None else self.period_seconds / SECONDS_OF_RATE[self.volume]


class _Timestamp(_Section):
    format: Annotated[str, AfterValidator(_known_format)] = AUTO
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = None

    @model_validator(mode="after")
    def _with_zone(self) -> "_Timestamp":
        if "%" in self.format and "%z" not in self.format and self.time_zone is None:
            raise ValueError(f"{self.format!r} has no offset (%z), so time_zone is needed")
        return self


class _MappingFile(_Section):
    fields: dict[EventField, str]
    units: _Units = Field(default_factory=_Units)
    timestamp: _Timestamp = Field(default_factory=_Timestamp)
    missing: dict[EventField, list[str | int | float]] = Field(default_factory=dict)
    constants: dict[Literal["network_id", "sensor_id"] | Measure, str | int | float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> "_MappingFile":
        if "timestamp" not in self.fields:
            raise ValueError("fields: timestamp is missing")
        if "sensor_id" not in self.fields and "sensor_id" not in self.constants:
            raise ValueError("fields: sensor_id is missing, and constants has none")
        for name, constant in self.constants.items():
            if isinstance(constant, str) != (name in IDS):
                raise ValueError(f"constants: {name} is to be {'text' if name in IDS else 'a number'}")
        return self


def load_json_mapping(path: Path, network_id: NetworkId | None = None) -> JsonMapping:
    """Read one mapping file.

    Args:
        path: the TOML file.
        network_id: network of events for which the mapping gives none, if there is only one.

    Raises:
        ConfigurationError: one line that names the file and every fault in it.
    """
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device may never end.
            raise ConfigurationError(f"{path}: no regular file")
        described = _MappingFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as unreadable:
        raise ConfigurationError(f"{path}: {unreadable.strerror}") from unreadable
    except ValidationError as invalid:
        raise ConfigurationError(f"{path}: {'; '.join(map(_fault, invalid.errors()))}") from invalid
    except (ValueError, RecursionError) as damaged:  # TOML or UTF-8
        raise ConfigurationError(f"{path}: {damaged}") from damaged
    zone = described.timestamp.time_zone
    return JsonMapping(
        find={name: _compiled(path, name, expression) for name, expression in described.fields.items()},
        times=TimeFormat(described.timestamp.format, ZoneInfo(zone) if zone else None),
        factors={
            "volume_vehicles": described.units.vehicles,
            "speed_mph": SPEED_FACTORS[described.units.speed],
            "occupancy": SHARE_FACTORS[described.units.occupancy],
            "share_observed": SHARE_FACTORS[described.units.share_observed],
        },
        missing={str(name): values for name, values in described.missing.items()},
        constants={str(name): value for name, value in described.constants.items()},
        network_id=network_id,
    )


def _compiled(path: Path, name: str, expression: str) -> Find:
    try:
        return compile_expression(expression)
    except JMESPathError as wrong:
        first = str(wrong).splitlines()[0]
        raise ConfigurationError(
            f"{path}: fields.{name}: {expression!r} is not a JMESPath expression: {first}"
        ) from wrong


def _fault(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"] if part != "[key]")
    what = error["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
