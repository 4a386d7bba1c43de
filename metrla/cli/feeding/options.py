"""Reading options that say how long, how fast and what: of `metrla feed` and of others like them."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from metrla.data.feeds.delivery import AsFastAsPossible, EventTimePace, Pace, RatePace
from metrla.data.feeds.files.times import EPOCHS, TimeReading
from shared.events import zones
from shared.events.errors import ConfigurationError
from shared.events.quantities import in_span
from shared.events.records import SensorId
from shared.events.text import quoted
from shared.runtime.clock import wall_clock
from shared.runtime.settings import read_settings

if TYPE_CHECKING:
    from metrla.data.simulation.faults import FaultKind
    from metrla.data.simulation.scenario import Incident

DURATION = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[smhd])?")
LONGEST = timedelta(days=36_525)
"""A century."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
INCIDENT = re.compile(r"(?P<sensor>.+)@(?P<after>\d+)(?:\+(?P<lasts>\d+))?")
INCIDENT_MINUTES, INCIDENT_LANES = 45, 2

TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        "--time-format",
        help=f"How the times of the file are written: a pattern such as '%m/%d/%Y %H:%M', or {', '.join(EPOCHS)}.",
        show_default="ISO 8601, or the file format's own",
        metavar="FORM",
    ),
]
TimeZoneOption = Annotated[
    str | None,
    typer.Option(
        "--time-zone",
        help="IANA zone of times without an offset in the file.",
        show_default="the network's",
        metavar="ZONE",
    ),
]
SkipUnknownOption = Annotated[
    bool, typer.Option("--skip-unknown", help="Leave out sensors that the network does not have.")
]


def read_time_reading(form: str | None, zone: str | None) -> TimeReading:
    """What --time-format and --time-zone say; raises `ConfigurationError`."""
    return TimeReading(form, None if zone is None else read_zone(zone))


def read_zone(text: str) -> ZoneInfo:
    """--time-zone; raises `ConfigurationError` where it names no zone."""
    try:
        return zones.read_zone(text)
    except ValueError as unknown:
        raise ConfigurationError(f"--time-zone {quoted(text)} {unknown}") from unknown


def taken_until() -> datetime:
    """The last time that ingest takes a reading of, now, by the settings of this machine."""
    from services.ingest.settings import IngestSettings  # noqa: PLC0415 - a quick --help

    return wall_clock() + timedelta(seconds=read_settings(IngestSettings).future_tolerance_s)


def read_duration(option: str, text: str, *, bare: str | None = None, zero: bool = False) -> timedelta:
    """A length of time such as 90m or 1.5h; raises `ConfigurationError`.

    Args:
        option: its name, for the error.
        text: what was given.
        bare: the unit of a number without one; None refuses such a number.
        zero: whether it may be no time at all.
    """
    found = DURATION.fullmatch(text.strip())
    unit = None if found is None else found["unit"] or bare
    if found is None or unit is None or not (zero or float(found["count"])):
        raise ConfigurationError(f"{option} {quoted(text)}: write a number and s, m, h or d, such as 90m or 12h")
    count = float(found["count"])
    if count > LONGEST / timedelta(**{UNITS[unit]: 1}):
        raise ConfigurationError(f"{option} {quoted(text)}: longer than {LONGEST.days:,} days")
    return timedelta(**{UNITS[unit]: count})


def moved(option: str, text: str, time: datetime, by: timedelta) -> datetime:
    """A time that much later (earlier where negative); raises `ConfigurationError` where no event can be then."""
    try:
        return in_span(time + by)
    except (ValueError, OverflowError) as wrong:
        raise ConfigurationError(f"{option} {quoted(text)} leads out of the times that events can have") from wrong


def read_pace(speed: str | None, rate: float | None, origin: datetime) -> Pace:
    """How fast to send: --rate, or --speed from `origin` on; raises `ConfigurationError`."""
    if rate is not None:
        if speed is not None:
            raise ConfigurationError("--rate and --speed exclude each other")
        if not rate < float("inf"):
            raise ConfigurationError(f"--rate {rate} is no number of events per second")
        return RatePace(rate)
    factor = read_speed(speed)
    return AsFastAsPossible() if factor is None else EventTimePace(origin, factor)


def read_speed(text: str | None) -> float | None:
    """--speed as a factor, `None` for 'max'; raises `ConfigurationError`."""
    if text == "max":
        return None
    try:
        factor = float(text or 1)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ConfigurationError(f"--speed {text!r} is neither a positive number nor 'max'")
    return factor


def read_fault_kinds(text: str) -> "frozenset[FaultKind]":
    """Kinds of faults, 'all' or 'none'; raises `ConfigurationError` that names the kinds."""
    from metrla.data.simulation.faults import FaultKind  # noqa: PLC0415 - numpy, which --help need not wait for

    if text in {"all", "none"}:
        return frozenset(FaultKind) if text == "all" else frozenset()
    kinds = {part.strip() for part in text.split(",") if part.strip()}
    if unknown := kinds - set(FaultKind):
        raise ConfigurationError(
            f"--faults {', '.join(sorted(unknown))}: choose from {', '.join(FaultKind)}, all, none"
        )
    return frozenset(FaultKind(kind) for kind in kinds)


def read_incidents(texts: Sequence[str], start: datetime) -> "list[Incident]":
    """Incidents as SENSOR@MINUTES[+LASTS], counted from `start`; raises `ConfigurationError`."""
    from metrla.data.simulation.scenario import Incident  # noqa: PLC0415 - numpy

    incidents = []
    for text in texts:
        found = INCIDENT.fullmatch(text)
        if found is None:
            raise ConfigurationError(f"--incident {text!r}: write SENSOR@MINUTES or SENSOR@MINUTES+LASTS, in minutes")
        begins = moved("--incident", text, start, read_duration("--incident", f"{found['after']}m", zero=True))
        lasts = read_duration("--incident", f"{found['lasts'] or INCIDENT_MINUTES}m", zero=True)
        ends = moved("--incident", text, begins, lasts)
        incidents.append(Incident(SensorId(found["sensor"]), begins, ends, INCIDENT_LANES))
    return incidents
