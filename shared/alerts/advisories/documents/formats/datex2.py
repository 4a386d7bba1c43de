"""Situations in DATEX II (CEN 16157, datex2.eu), versions 2 and 3: works, weather, events. Pure.

A record of a situation is an advisory. Elements go by their names without namespaces, which differ between versions and
profiles. Places are taken from coordinates; a record that only points into a location table (Alert-C) or a linear
reference has none that can be known here. Accidents, obstructions and abnormal traffic are for detectors to tell.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

import shapely
from pydantic import TypeAdapter, ValidationError
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.gml import number_of, one_of, place_of, shapes
from shared.alerts.advisories.documents.formats.reading import (
    UNUSABLE,
    Instant,
    Span,
    numbered,
    one_line,
    paragraph,
    reason_of,
    require_order,
)
from shared.alerts.advisories.documents.formats.xml import attribute, name_of, part, parts, told, unread_elements
from shared.alerts.advisories.documents.roads import Road, direction_of, read_road
from shared.events.records import AdvisoryType, AlertSeverity

WORKS = (
    *("MaintenanceWorks", "ConstructionWorks", "Roadworks", "RoadOrCarriagewayOrLaneManagement", "SpeedManagement"),
    "ReroutingManagement",
)
WEATHER = (
    *("PoorEnvironmentConditions", "WeatherRelatedRoadConditions", "NonWeatherRelatedRoadConditions"),
    *("EnvironmentalObstruction", "WinterDrivingManagement"),
)
TYPES = {
    **dict.fromkeys(WORKS, AdvisoryType.CONSTRUCTION),
    **dict.fromkeys(WEATHER, AdvisoryType.WEATHER),
    **dict.fromkeys(("PublicEvent", "DisturbanceActivity", "AuthorityOperation"), AdvisoryType.EVENT),
}
SEVERITIES = {
    "highest": AlertSeverity.CRITICAL,
    "high": AlertSeverity.HIGH,
    "medium": AlertSeverity.MEDIUM,
    **dict.fromkeys(("low", "lowest", "none", "unknown"), AlertSeverity.LOW),
}
LOCATIONS = ("locationReference", "groupOfLocations")
COMMENTS = ("generalPublicComment", "comment")
READ = frozenset({
    "situationRecordCreationTime", "situationRecordVersionTime", "severity", "validity.validityStatus",
    "validity.validityTimeSpecification.overallStartTime", "validity.validityTimeSpecification.overallEndTime",
    "validity.validityTimeSpecification.validPeriod.startOfPeriod",
    "validity.validityTimeSpecification.validPeriod.endOfPeriod",
    "generalPublicComment.comment", "locationReference", "groupOfLocations", "management.lifeCycleManagement.cancel",
    "management.lifeCycleManagement.end", "source.sourceName", "situationRecordVersion",
})  # fmt: skip
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def is_datex2(root: Element) -> bool:
    """Whether an XML document looks like one of these: its namespace, or its elements."""
    return "datex2.eu" in str(root.tag) or any(name_of(each) == "situationRecord" for each in root.iter())


def parse(root: Element) -> Parsed:
    """The records of all situations; raises `UnreadableAdvisoriesError` where there is no publication of situations."""
    situations = [each for each in root.iter() if name_of(each) == "situation"]
    kinds = [kind for each in root.iter() if name_of(each).lower().startswith("payload") and (kind := _type(each))]
    if not situations and "SituationPublication" not in kinds:
        said = f", only {kinds[0][:60]}" if kinds else ""
        raise UnreadableAdvisoriesError(f"no situations: there is no SituationPublication in this DATEX II{said}")
    scope = next(
        (text for each in root.iter() if name_of(each) == "nationalIdentifier" and (text := (each.text or "").strip())),
        "",
    )
    drafts: list[Draft] = []
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    seen: dict[str, int] = {}
    records = [(situation, record) for situation in situations for record in parts(situation, "situationRecord")]
    for index, (situation, record) in numbered(records):
        own_id = attribute(record, "id")
        try:
            if own_id in seen:
                raise ValueError(f"id: appears twice, first at record {seen[own_id]}")
            drafts.extend(_drafts(index, own_id, situation, record, scope))
            seen[own_id or ""] = index
            if fields := unread_elements(record, READ):
                unread.append(Unread(index, own_id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, own_id, reason_of(wrong)))
    return Parsed(DocumentFormat.DATEX2, len(records), tuple(drafts), tuple(rejected), tuple(unread))


def _drafts(index: int, own_id: str | None, situation: Element, record: Element, scope: str) -> Iterator[Draft]:
    if own_id is None:
        raise ValueError("id: there is none")
    kind = _type(record)
    if kind not in TYPES:
        raise ValueError(f"type: {kind[:60] or 'none'!r} comes as no advisory: no works, weather or event")
    status = told(situation, "headerInformation", "informationStatus")
    if status not in {None, "real"}:
        raise ValueError(f"informationStatus: {status}, not meant for the public")
    ended = [told(record, "management", "lifeCycleManagement", name) for name in ("cancel", "end")]
    over = "true" in ended or "1" in ended or told(record, "validity", "validityStatus") == "suspended"
    spans = list(_spans(record))
    where = next((found for name in LOCATIONS if (found := part(record, name)) is not None), None)
    geometry = None if over else _geometry(where)
    roads = () if where is None else tuple(_roads(where))
    comments = [text for comment in parts(record, *COMMENTS) if (text := _text(comment))]
    severity = told(record, "severity") or told(situation, "overallSeverity") or "unknown"
    if severity not in SEVERITIES:
        raise ValueError(f"severity: {severity[:40]!r} is none of {', '.join(SEVERITIES)}")
    name = " ".join(_WORDS.split(kind)).capitalize()
    updated = told(record, "situationRecordVersionTime") or told(record, "situationRecordCreationTime")
    for start, end in spans:
        yield Draft(
            index=index,
            scope=scope,
            publisher_id=own_id,
            chain_id=f"{own_id}@{start:%Y%m%dT%H%MZ}" if len(spans) > 1 else own_id,
            advisory_type=TYPES[kind],
            title=one_line(f"{name}, {roads[0].name.upper()}" if roads else name),
            description=paragraph(*comments),
            severity=SEVERITIES[severity],
            starts_at=start,
            ends_at=end,
            geometry=geometry,
            source=(_text(part(record, "source", "sourceName")) or scope or "DATEX II")[:200],
            roads=roads,
            updated_at=None if updated is None else _instant(updated, "situationRecordVersionTime"),
            withdrawn=over,
        )


def _type(element: Element) -> str:
    return (attribute(element, "type") or "").rpartition(":")[2]


def _text(element: Element | None) -> str | None:
    """A multilingual text: in English where there is one, else the first."""
    if element is None:
        return None
    values = [each for each in element.iter() if name_of(each) == "value" and (each.text or "").strip()]
    english = [each for each in values if (attribute(each, "lang") or "").lower().startswith("en")]
    return next((" ".join((each.text or "").split()) for each in english + values), None)


def _spans(record: Element) -> Iterator[Span]:
    times = part(record, "validity", "validityTimeSpecification")
    overall = told(times, "overallStartTime")
    if times is None or overall is None:
        raise ValueError("validity: there is no overallStartTime")
    periods = [(told(each, "startOfPeriod"), told(each, "endOfPeriod")) for each in parts(times, "validPeriod")]
    overall_end = told(times, "overallEndTime")
    for start, end in periods if len(periods) > 1 else [(overall, overall_end)]:
        starts_at = _instant(start or overall, "validity")
        ends_at = None if (last := end or overall_end) is None else _instant(last, "validity")
        require_order(starts_at, ends_at, "validity")
        yield starts_at, ends_at


def _instant(text: str, name: str) -> datetime:
    try:
        return _INSTANT.validate_python(text)
    except ValidationError as wrong:
        raise ValueError(f"{name}: {text[:40]!r} is no time with an offset") from wrong


def _geometry(where: Element | None) -> BaseGeometry:
    if where is None:
        raise ValueError("locationReference: there is none")
    found = [*shapes(where)] or [*_points(where)]
    if not found:
        raise ValueError("locationReference: no coordinates, only references into a table or along a road")
    geometry = one_of(found)
    return geometry if geometry.is_valid else shapely.make_valid(geometry)


def _points(where: Element) -> Sequence[BaseGeometry]:
    """Where coordinates stand, without order: some profiles give the end before the start."""
    found: dict[bool, list[BaseGeometry]] = {True: [], False: []}
    for each in where.iter():
        latitude, longitude = told(each, "latitude"), told(each, "longitude")
        if latitude is not None and longitude is not None:
            shown = name_of(each) in {"coordinatesForDisplay", "locationForDisplay"}
            found[shown].append(shapely.Point(place_of(number_of(latitude), number_of(longitude))))
    # Where a map would put the sign is only the place where nothing better is told.
    return found[False] or found[True]


def _roads(where: Element) -> Iterator[Road]:
    directions = (
        direction
        for each in where.iter()
        if "irection" in name_of(each) and (direction := direction_of((each.text or "").strip().lower()))
    )
    direction = next(directions, None)
    names = [(each.text or "").strip() for each in where.iter() if name_of(each) == "roadNumber"]
    if not any(names):
        names = [_text(each) or (each.text or "").strip() for each in where.iter() if name_of(each) == "roadName"]
    yield from (read_road(name, direction) for name in dict.fromkeys(filter(None, names)))
