"""Weather and other alerts: CAP v1.2 (OASIS Common Alerting Protocol), one alert or many in a wrapper. Pure."""

from collections.abc import Iterator
from math import cos, radians
from xml.etree.ElementTree import Element

import shapely
from shapely import affinity
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.hazards import HazardMessage, draft_of
from shared.alerts.advisories.documents.formats.reading import (
    MAX_PARTS,
    MAX_POSITIONS,
    MAX_UNREAD,
    MIN_RING_POINTS,
    UNUSABLE,
    field_name,
    mended,
    numbered,
    reason_of,
    together,
)
from shared.alerts.advisories.documents.formats.xml import name_of, parts, read_xml, texts, told, unread_elements
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.traffic.network import on_globe

KM_PER_DEGREE = 111.195
MAX_RADIUS_KM = 2_000
PARTS_OF_REFERENCE = 3
POLAR_DEGREES = 89.0
LEAST_DEGREES = 1e-6
ENDS = frozenset({"eventEndingTime", "ends"})
READ = frozenset({
    "identifier", "sender", "sent", "status", "msgType", "references", "info.language", "info.category", "info.event",
    "info.severity", "info.effective", "info.onset", "info.expires", "info.senderName", "info.headline",
    "info.description", "info.instruction", "info.parameter", "info.area.areaDesc", "info.area.polygon",
    "info.area.circle", "info.area.geocode",
})  # fmt: skip


def parse(data: bytes, zones: ZoneTable = NO_ZONES) -> Parsed:
    """Every `alert` element of a document, at whatever depth; raises `UnreadableAdvisoriesError` without one."""
    return parse_tree(read_xml(data), zones)


def parse_tree(root: Element, zones: ZoneTable = NO_ZONES) -> Parsed:
    """As `parse`; `zones` say where the zones are that an alert names without drawing them."""
    alerts = [element for element in root.iter() if name_of(element) == "alert"]
    if not alerts:
        raise UnreadableAdvisoriesError("no CAP document: there is no `alert` element")
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    for index, alert in numbered(alerts):
        try:
            draft, left = _draft(index, alert, zones)
            if draft.publisher_id in drafts:
                raise ValueError(f"identifier: appears twice, first at alert {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
            if left:
                unread.append(Unread(index, draft.publisher_id, left[:MAX_UNREAD]))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, told(alert, "identifier"), reason_of(wrong)))
    return Parsed(DocumentFormat.CAP, len(alerts), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _draft(index: int, alert: Element, zones: ZoneTable) -> tuple[Draft, tuple[str, ...]]:
    infos = list(parts(alert, "info"))
    english = (info for info in infos if (told(info, "language") or "en").lower().startswith("en"))
    info = next(english, infos[0] if infos else None)
    said: dict[str, object] = {
        "identifier": told(alert, "identifier"),
        "sender": told(alert, "sender") or "",
        "sent": told(alert, "sent"),
        "status": told(alert, "status"),
        "msg_type": told(alert, "msgType"),
        "references": _references(told(alert, "references") or ""),
    }
    areas: list[Element] = []
    if info is not None:
        areas = list(parts(info, "area"))
        names = (
            "category",
            "event",
            "severity",
            "effective",
            "onset",
            "expires",
            "headline",
            "description",
            "instruction",
        )
        said |= {name: text for name in names if (text := told(info, name)) is not None}
        said["sender_name"] = told(info, "senderName")
        said["area"] = "; ".join(filter(None, (told(area, "areaDesc") for area in areas))) or None
        said["ends"] = next((told(part, "value") for part in parts(info, "parameter")
                             if told(part, "valueName") in ENDS), None)  # fmt: skip
    elif said["msg_type"] == "Cancel":
        said["event"] = "Cancellation"
    else:
        raise ValueError("info: there is none")
    message = HazardMessage.model_validate(said)
    geometry, unknown = _places(areas, zones)
    return draft_of(index, message, geometry), (
        *unread_elements(alert, READ),
        *(f"info.area.geocode {code}" for code in unknown),
        *(() if info is None else _other_parameters(info)),
        *(f"info ({told(other, 'language') or 'en'})" for other in infos if other is not info),
    )


def _other_parameters(info: Element) -> Iterator[str]:
    names = (told(each, "valueName") or "" for each in parts(info, "parameter"))
    return (f"info.parameter.{field_name(name)}" for name in names if name not in ENDS)


def _places(areas: list[Element], zones: ZoneTable) -> tuple[BaseGeometry | None, list[str]]:
    """What the areas draw, else where the zones are that they name; and the zones that are not known."""
    drawn: list[BaseGeometry] = []
    named: list[BaseGeometry] = []
    unknown: list[str] = []
    positions = 0
    for area in areas:
        here: list[BaseGeometry] = []
        for geometry in _drawn(area):
            positions += int(shapely.get_num_coordinates(geometry))
            if positions > MAX_POSITIONS:
                raise ValueError(f"area: more than {MAX_POSITIONS} positions")
            here.append(geometry)
        drawn.extend(here)
        if not here:
            zone, missing = zones.area(_codes(area))
            unknown.extend(missing)
            named += [] if zone is None else [zone]
    return together([*drawn, *named]), unknown


def _codes(area: Element) -> Iterator[tuple[str, str]]:
    for each in parts(area, "geocode"):
        if (value := told(each, "value")) is not None:
            yield field_name(told(each, "valueName") or ""), field_name(value)


def _references(text: str) -> list[dict[str, str]]:
    found = text.split(maxsplit=MAX_PARTS)
    if len(found) > MAX_PARTS:
        raise ValueError(f"references: more than {MAX_PARTS:,}")
    return list(map(_reference, found))


def _reference(text: str) -> dict[str, str]:
    parts = text.split(",")
    if len(parts) != PARTS_OF_REFERENCE:
        raise ValueError(f"references: {text[:80]!r} is not sender,identifier,sent")
    return {"identifier": parts[1], "sent": parts[2]}


def _drawn(area: Element) -> Iterator[BaseGeometry]:
    yield from map(_polygon, texts(area, "polygon"))
    yield from map(_circle, texts(area, "circle"))


def _polygon(text: str) -> BaseGeometry:
    positions = [_position(pair) for pair in text.split()]
    if len(positions) < MIN_RING_POINTS or positions[0] != positions[-1]:
        raise ValueError("area.polygon: needs four positions at least, the last of them the first")
    try:
        area = shapely.Polygon(positions)
    except (ShapelyError, ValueError) as wrong:
        raise ValueError(f"area.polygon: {wrong}") from wrong
    return mended(area)


def _circle(text: str) -> BaseGeometry:
    parts = text.split()
    try:
        centre, radius_km = _position(parts[0]), float(parts[1])
    except (IndexError, ValueError) as wrong:
        raise ValueError(f"area.circle: {text[:60]!r} is not latitude,longitude radius") from wrong
    if not 0 <= radius_km <= MAX_RADIUS_KM or abs(centre[1]) > POLAR_DEGREES:
        raise ValueError(f"area.circle: a radius of {radius_km} km cannot be meant")
    degrees = radius_km / KM_PER_DEGREE
    point = shapely.Point(centre)
    # A degree of longitude is shorter than one of latitude: the circle is wider in degrees.
    return affinity.scale(point.buffer(degrees or LEAST_DEGREES), xfact=1 / cos(radians(centre[1])), origin=point)


def _position(text: str) -> tuple[float, float]:
    """'latitude,longitude' as (longitude, latitude)."""
    latitude, comma, longitude = text.partition(",")
    try:
        place = float(longitude), float(latitude)
    except ValueError as wrong:
        raise ValueError(f"area: {text[:40]!r} is no latitude,longitude") from wrong
    if not comma or not on_globe(place[1], place[0]):
        raise ValueError(f"area: {text[:40]!r} is off the globe")
    return place
