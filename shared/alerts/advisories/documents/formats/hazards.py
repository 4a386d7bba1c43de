"""What CAP v1.2 (OASIS) and the alerts of api.weather.gov say alike: messages that update and cancel each other. Pure.

A message names those that it replaces. The first of such a chain gives the advisory its id, so it stays one advisory
however often it is updated. The hazard holds from `onset` to `ends`; `effective` and `expires` are about the message,
and stand in where the former are not told.
"""

from typing import Annotated, Literal

from pydantic import Field
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import Draft
from shared.alerts.advisories.documents.formats.reading import (
    MAX_PARTS,
    Instant,
    Lenient,
    Text,
    one_line,
    paragraph,
    require_order,
)
from shared.events.records import AdvisoryType, AlertSeverity

SEVERITIES = {
    "Extreme": AlertSeverity.CRITICAL,
    "Severe": AlertSeverity.HIGH,
    "Moderate": AlertSeverity.MEDIUM,
    "Minor": AlertSeverity.LOW,
    "Unknown": AlertSeverity.LOW,
}
WEATHER = frozenset({"Met", "Geo", "Env", "Fire"})


class Reference(Lenient):
    """An earlier message that this one is about."""

    identifier: Text
    sent: Instant


class HazardMessage(Lenient):
    """One message. `category` is the first one told."""

    identifier: Text
    sender: str = ""
    sent: Instant
    status: Literal["Actual", "Exercise", "System", "Test", "Draft"]
    msg_type: Literal["Alert", "Update", "Cancel", "Ack", "Error"]
    references: Annotated[tuple[Reference, ...], Field(max_length=MAX_PARTS)] = ()
    category: str = "Met"
    event: Text
    severity: Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"] = "Unknown"
    effective: Instant | None = None
    onset: Instant | None = None
    expires: Instant | None = None
    ends: Instant | None = None
    sender_name: str | None = None
    headline: str | None = None
    description: str | None = None
    instruction: str | None = None
    area: str | None = None


def draft_of(index: int, message: HazardMessage, geometry: BaseGeometry | None) -> Draft:
    """The advisory that a message is about; raises `ValueError` where it is none for traffic."""
    if message.status != "Actual":
        raise ValueError(f"status: {message.status}, not meant for the public")
    if message.msg_type in {"Ack", "Error"}:
        raise ValueError(f"msgType: {message.msg_type} tells of no hazard")
    withdrawn = message.msg_type == "Cancel"
    if withdrawn and not message.references:
        raise ValueError("references: a Cancel must name what it cancels")
    if geometry is None and not withdrawn:
        raise ValueError(
            f"geometry: none, only zones or counties ({(message.area or 'unnamed')[:80]}); a polygon is needed, "
            "or a zone table that has them"
        )
    starts_at = message.onset or message.effective or message.sent
    ends_at = message.ends or message.expires
    if not withdrawn:
        require_order(starts_at, ends_at, "ends" if message.ends else "expires")
    first = min(message.references, key=lambda earlier: earlier.sent, default=None)
    return Draft(
        index=index,
        scope=message.sender,
        publisher_id=message.identifier,
        chain_id=first.identifier if first else message.identifier,
        advisory_type=AdvisoryType.WEATHER if message.category in WEATHER else AdvisoryType.EVENT,
        title=one_line(message.event if message.area is None else f"{message.event}: {message.area}"),
        description=paragraph(message.headline, message.description, message.instruction),
        severity=SEVERITIES[message.severity],
        starts_at=starts_at,
        ends_at=ends_at,
        geometry=geometry,
        source=(message.sender_name or message.sender or "CAP")[:200],
        updated_at=message.sent,
        withdrawn=withdrawn,
        supersedes=tuple(earlier.identifier for earlier in message.references),
    )
