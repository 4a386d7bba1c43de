"""Live incidents of the California Highway Patrol (media.chp.ca.gov/sa_xml/sa.xml). Pure.

A dispatcher's log is open for as long as it is in the feed: it has no end of its own, and a feed that is followed
withdraws it when it is gone. Times are those of a clock in California; a place is in millionths of a degree, west
counted as positive.
"""

import re
from datetime import UTC, datetime
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import shapely

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.reading import (
    UNUSABLE,
    checked_instant,
    numbered,
    one_line,
    paragraph,
    reason_of,
)
from shared.alerts.advisories.documents.formats.xml import attribute, name_of, parts, told, unread_elements
from shared.alerts.advisories.documents.roads import Road, read_road
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.directions import DIRECTIONS
from shared.traffic.network import on_globe

SCOPE, SOURCE = "chp", "California Highway Patrol"
ZONE = ZoneInfo("America/Los_Angeles")
TIME_FORMAT = "%b %d %Y %I:%M%p"
MICRODEGREES = 1e6
PLACE = re.compile(r"(\d{1,9}):(\d{1,9})")
READ = frozenset({"LogTime", "LogType", "Location", "LocationDesc", "Area", "LATLON", "LogDetails.details"})

WEATHER = ("fog", "wind", "weather", "flood", "snow", "ice", "chain", "mud", "slide")
WORKS = ("construction", "maintenance", "roadwork", "caltrans")
GRAVE = ("fatal", "1144", "sig alert", "sigalert", "closure", "closed", "1141", "maj inj", "major")
COLLISIONS = ("collision", "1179", "1180", "1181", "1182", "1183", "hit and run", "fire", "spinout")


def is_chp(root: Element) -> bool:
    """Whether an XML document looks like one of these."""
    return name_of(root) == "State" and (not len(root) or next(parts(root, "Center"), None) is not None)


def parse(root: Element) -> Parsed:
    """The logs of all centres; raises `UnreadableAdvisoriesError` where the document is none as a whole."""
    if name_of(root) != "State":
        raise UnreadableAdvisoriesError("no incidents of CHP: there is no `State` element")
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    logs = list(parts(root, "Center", "Dispatch", "Log"))
    for index, log in numbered(logs):
        own_id = attribute(log, "ID")
        try:
            draft = _draft(index, own_id, log)
            if draft.publisher_id in drafts:
                raise ValueError(f"ID: appears twice, first at log {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
            if fields := unread_elements(log, READ):
                unread.append(Unread(index, draft.publisher_id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, own_id, reason_of(wrong)))
    return Parsed(DocumentFormat.CHP, len(logs), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _draft(index: int, own_id: str | None, log: Element) -> Draft:
    if own_id is None:
        raise ValueError("ID: there is none")
    kind, place = _said(log, "LogType"), _said(log, "Location")
    if not kind:
        raise ValueError("LogType: there is none")
    said = kind.lower()
    details = list(parts(log, "LogDetails", "details"))
    times = [_time(text) for each in details if (text := _said(each, "DetailTime"))]
    starts_at = _time(_said(log, "LogTime"))
    longitude, latitude = _place(_said(log, "LATLON"))
    what = kind.partition("-")[2].strip() or kind
    return Draft(
        index=index,
        scope=SCOPE,
        publisher_id=own_id,
        chain_id=own_id,
        advisory_type=_type(said),
        title=one_line(f"{what}: {place}" if place else what),
        description=paragraph(
            _said(log, "LocationDesc"), _said(log, "Area"), *(_said(each, "IncidentDetail") for each in details)
        ),
        severity=_severity(said),
        starts_at=starts_at,
        ends_at=None,
        geometry=shapely.Point(longitude, latitude),
        source=SOURCE,
        roads=_roads(place, _said(log, "LocationDesc")),
        updated_at=max([starts_at, *times]),
    )


def _said(element: Element, name: str) -> str:
    """Texts are in quotation marks."""
    return " ".join((told(element, name) or "").strip('"').split())


def _time(text: str) -> datetime:
    try:
        local = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=ZONE)
        return checked_instant(local.astimezone(UTC))
    except (ValueError, OverflowError) as wrong:
        raise ValueError(f"time: {text[:40]!r} is not like 'Jul  5 2026  9:53PM'") from wrong


def _place(text: str) -> tuple[float, float]:
    """(longitude, latitude) in degrees."""
    found = PLACE.fullmatch(text)
    latitude, longitude = (int(found[1]) / MICRODEGREES, -int(found[2]) / MICRODEGREES) if found else (0.0, 0.0)
    if not (latitude and longitude) or not on_globe(latitude, longitude):
        raise ValueError(f"LATLON: {text[:40]!r} is no place")
    return longitude, latitude


def _roads(place: str, more: str) -> tuple[Road, ...]:
    """'I80 E / Mace Blvd' and 'EB JEO': the first road is the one it happens on."""
    first = place.partition(" / ")[0].strip()
    if not first:
        return ()
    road = read_road(first)
    beside = DIRECTIONS.get(more.partition(" ")[0].lower())
    return (read_road(first, beside) if road.direction is None and beside else road,)


def _type(said: str) -> AdvisoryType:
    if any(word in said for word in WEATHER):
        return AdvisoryType.WEATHER
    return AdvisoryType.CONSTRUCTION if any(word in said for word in WORKS) else AdvisoryType.EVENT


def _severity(said: str) -> AlertSeverity:
    if any(word in said for word in GRAVE):
        return AlertSeverity.HIGH
    return AlertSeverity.MEDIUM if any(word in said for word in COLLISIONS) else AlertSeverity.LOW
