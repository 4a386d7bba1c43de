"""The words of an alert that stems from an advisory. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from shared.alerts.advisories.confirmation import Confirmation
from shared.alerts.lifecycle.messages import duration_text
from shared.events.records import AdvisoryType, TrafficAdvisory, TrafficAlert
from shared.traffic.landmarks import landmark
from shared.traffic.network import Sensor

NAMED_ROADS = 2
CONFIRMED_BY = "; confirmed by "
DETECTED = "traffic that is disturbed as by an incident"
WORDS = {
    AdvisoryType.CONSTRUCTION: "Construction",
    AdvisoryType.WEATHER: "Weather",
    AdvisoryType.EVENT: "Event",
}


def location_of(sensors: Sequence[Sensor]) -> str:
    """'I-405 N near A', 'I-405 N from A to B, 3 sensors', 'I-405 N, I-405 S and 4 more roads, 31 sensors'."""
    roads = [(road, list(along)) for road, along in groupby(sensors, key=lambda sensor: sensor.road_name)]
    if len(sensors) == 1:
        return f"{sensors[0].road_name} {landmark(sensors[0])}"
    if len(roads) == 1:
        first, last = (
            landmark(sensor).removeprefix("near ").removeprefix("at ") for sensor in (sensors[0], sensors[-1])
        )
        return f"{roads[0][0]} from {first} to {last}, {len(sensors)} sensors"
    names = list(dict.fromkeys(road for road, _ in roads))
    more = len(names) - NAMED_ROADS
    told = ", ".join(names[:NAMED_ROADS]) + (f" and {more} more road{'s' if more > 1 else ''}" if more > 0 else "")
    return f"{told}, {len(sensors)} sensors"


def announced(advisory: TrafficAdvisory, location: str, zone: ZoneInfo) -> str:
    """What the publisher says: the beginning of every message while the alert is active."""
    until = f" until {_local(advisory.ends_at, zone)}" if advisory.ends_at else ""
    return f"{WORDS[advisory.advisory_type]} on {location}: {advisory.title}{until}"


def seen(found: Confirmation, *, detected: bool = False) -> str:
    """What the sensors add to it, and whether an incident is detected there; nothing where they confirm nothing."""
    if not found.confirmed:
        return f"{CONFIRMED_BY}{DETECTED}" if detected else ""
    speed = "" if found.speed_mph is None else f" at {found.speed_mph:.0f} mph"
    usual = "" if found.usual_mph is None else f" where {found.usual_mph:.0f} mph is usual"
    also = f", and by {DETECTED}" if detected else ""
    return f"{CONFIRMED_BY}{found.congested} of {found.heard} sensors, congested{speed}{usual}{also}"


def over_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an alert whose advisory has come to its end."""
    return f"Over as announced after {duration_text(lasted)}: {alert.location}"


def withdrawn_message(alert: TrafficAlert, source: str) -> str:
    """The last word on an alert whose publisher took its advisory back."""
    return f"Withdrawn by {source or 'its publisher'}: {alert.location}"


def postponed_message(alert: TrafficAlert, advisory: TrafficAdvisory, zone: ZoneInfo) -> str:
    """The last word on an alert whose advisory now begins later."""
    return f"Postponed to {_local(advisory.starts_at, zone)}: {alert.location}"


def gone_message(alert: TrafficAlert) -> str:
    """The last word on an alert whose advisory is no longer on the log."""
    return f"No longer announced: {alert.location}"


def _local(at: datetime, zone: ZoneInfo) -> str:
    """As drivers there read a clock."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
