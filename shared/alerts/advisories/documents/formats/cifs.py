"""Closures and incidents as Waze for Cities takes them: CIFS, XML and JSON. Pure.

Source: 'CIFS specification' (developers.google.com/waze/data-feed/cifs-specification). Jams, police and small talk are
rejected: what is slow, detectors tell. The course of a polyline is the direction of the traffic that is touched, and
`BOTH_DIRECTIONS` adds the other one.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated
from xml.etree.ElementTree import Element

import shapely
from pydantic import BeforeValidator, Field
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.reading import (
    MAX_POSITIONS,
    UNUSABLE,
    Instant,
    Lenient,
    id_of,
    one_line,
    paragraph,
    reason_of,
    require_order,
    unread_fields,
)
from shared.alerts.advisories.documents.formats.xml import attribute, name_of, parts
from shared.alerts.advisories.documents.roads import read_road
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.network import on_globe

SCOPE, SOURCE = "cifs", "Waze for Cities"
BOTH = "BOTH_DIRECTIONS"
CLOSED, ACCIDENT, HAZARD = "ROAD_CLOSED", "ACCIDENT", "HAZARD"
WORDS = {CLOSED: "Road closed", ACCIDENT: "Accident", HAZARD: "Hazard"}
WORKS, WEATHER, MAJOR = "CONSTRUCTION", "WEATHER", "ACCIDENT_MAJOR"

Said = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | str) else "")]


class _Source(Lenient):
    name: Said = ""
    reference: Said = ""


class _Incident(Lenient):
    id: Annotated[Said, Field(min_length=1)]
    type: Annotated[Said, Field(min_length=1)]
    subtype: Said = ""
    polyline: Annotated[Said, Field(min_length=1)]
    street: Said = ""
    direction: Said = ""
    description: Said = ""
    starttime: Instant
    endtime: Instant | None = None
    creationtime: Instant | None = None
    updatetime: Instant | None = None
    reference: Said = ""
    source: _Source = _Source()
    schedule: object = None


def is_cifs_xml(root: Element) -> bool:
    """Whether an XML document looks like one of these."""
    return name_of(root) == "incidents"


def is_cifs_json(document: object) -> bool:
    """Whether a JSON document looks like one of these."""
    return isinstance(document, Mapping) and isinstance(document.get("incidents"), list)


def parse_xml(root: Element) -> Parsed:
    """All incidents; raises `UnreadableAdvisoriesError` where the document is none as a whole."""
    if not is_cifs_xml(root):
        raise UnreadableAdvisoriesError("no CIFS: there is no `incidents` element")
    return _parsed([_plain(element) for element in parts(root, "incident")])


def parse_json(document: object) -> Parsed:
    """All incidents; raises `UnreadableAdvisoriesError` where the document is none as a whole."""
    if not isinstance(document, Mapping) or not isinstance(document.get("incidents"), list):
        raise UnreadableAdvisoriesError("no CIFS: there is no list `incidents`")
    return _parsed(
        [each.get("incident", each) if isinstance(each, Mapping) else each for each in document["incidents"]]
    )


def _plain(element: Element) -> dict[str, object]:
    """An element as JSON would have it."""
    plain: dict[str, object] = {}
    for child in element:
        inner = _plain(child) if len(child) else (child.text or "").strip()
        if inner:
            plain.setdefault(name_of(child), inner)
    if (own_id := attribute(element, "id")) is not None:
        plain["id"] = own_id
    return plain


def _parsed(features: list[object]) -> Parsed:
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    for index, feature in enumerate(features):
        try:
            draft = _draft(index, _Incident.model_validate(feature))
            if draft.publisher_id in drafts:
                raise ValueError(f"id: appears twice, first at incident {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
            if fields := unread_fields(feature, _Incident):
                unread.append(Unread(index, draft.publisher_id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, id_of(feature, "id"), reason_of(wrong)))
    return Parsed(DocumentFormat.CIFS, len(features), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _draft(index: int, one: _Incident) -> Draft:
    if one.type not in WORDS:
        raise ValueError(f"type: {one.type[:40]} is for detectors to tell, not for publishers")
    if one.schedule:
        raise ValueError("schedule: times that recur are not read, and it does not hold all the time")
    require_order(one.starttime, one.endtime, "endtime")
    what = WORDS[one.type]
    return Draft(
        index=index,
        scope=SCOPE,
        publisher_id=one.id,
        chain_id=one.id,
        advisory_type=_type(one),
        title=one_line(one.description, f"{what}: {one.street}" if one.street else what),
        description=paragraph(one.description, one.street),
        severity=_severity(one),
        starts_at=one.starttime,
        ends_at=one.endtime,
        geometry=_geometry(one),
        source=one_line(one.source.name, one.source.reference, one.reference, SOURCE),
        roads=(read_road(one.street),) if one.street else (),
        updated_at=one.updatetime or one.creationtime,
    )


def _type(one: _Incident) -> AdvisoryType:
    if WEATHER in one.subtype:
        return AdvisoryType.WEATHER
    works = WORKS in one.subtype or (one.type == CLOSED and not one.subtype)
    return AdvisoryType.CONSTRUCTION if works else AdvisoryType.EVENT


def _severity(one: _Incident) -> AlertSeverity:
    if one.type == CLOSED or one.subtype == MAJOR:
        return AlertSeverity.HIGH
    return AlertSeverity.MEDIUM if one.type == ACCIDENT else AlertSeverity.LOW


def _geometry(one: _Incident) -> BaseGeometry:
    """The line in the direction of traffic; both ways where both are touched."""
    points = list(_points(one.polyline))
    if len(set(points)) == 1:
        return shapely.Point(points[0])
    line = shapely.LineString(points)
    # What is no line has no course, so it touches both carriageways.
    return shapely.GeometryCollection([line]) if one.direction == BOTH else line


def _points(polyline: str) -> Iterator[tuple[float, float]]:
    """(longitude, latitude) in degrees, of blank separated pairs of latitude and longitude."""
    numbers = polyline.replace(",", " ").split()
    if not numbers or len(numbers) % 2 or len(numbers) > 2 * MAX_POSITIONS:
        raise ValueError(f"polyline: {polyline[:40]!r} is not pairs of latitude and longitude")
    for latitude, longitude in zip(map(float, numbers[::2]), map(float, numbers[1::2]), strict=True):
        if not on_globe(latitude, longitude):
            raise ValueError(f"polyline: {latitude} {longitude} is no place on earth")
        yield longitude, latitude
