"""Weather and other alerts: CAP v1.2 (OASIS Common Alerting Protocol), one alert or many in a wrapper. Pure."""

from collections.abc import Iterator
from math import cos, radians
from xml.etree.ElementTree import Element, ParseError

import shapely
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from shapely import affinity
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import DocumentFormat, Draft, Parsed, Rejected, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.hazards import HazardMessage, draft_of
from shared.alerts.advisories.documents.formats.reading import (
    MAX_POSITIONS,
    MIN_RING_POINTS,
    UNUSABLE,
    mended,
    reason_of,
)
from shared.traffic.network import on_globe

KM_PER_DEGREE = 111.195
MAX_RADIUS_KM = 2_000
PARTS_OF_REFERENCE = 3
POLAR_DEGREES = 89.0
LEAST_DEGREES = 1e-6


def parse(data: bytes) -> Parsed:
    """Every `alert` element of a document, at whatever depth; raises `UnreadableAdvisoriesError` without one."""
    try:
        root = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as wrong:
        raise UnreadableAdvisoriesError(f"no XML: {str(wrong)[:200]}") from wrong
    alerts = [element for element in root.iter() if _name(element) == "alert"]
    if not alerts:
        raise UnreadableAdvisoriesError("no CAP document: there is no `alert` element")
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    for index, alert in enumerate(alerts):
        try:
            draft = _draft(index, alert)
            if draft.publisher_id in drafts:
                raise ValueError(f"identifier: appears twice, first at alert {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, _told(alert, "identifier"), reason_of(wrong)))
    return Parsed(DocumentFormat.CAP, len(alerts), tuple(drafts.values()), tuple(rejected))


def _draft(index: int, alert: Element) -> Draft:
    infos = list(_parts(alert, "info"))
    english = (info for info in infos if (_told(info, "language") or "en").lower().startswith("en"))
    info = next(english, infos[0] if infos else None)
    told: dict[str, object] = {
        "identifier": _told(alert, "identifier"),
        "sender": _told(alert, "sender") or "",
        "sent": _told(alert, "sent"),
        "status": _told(alert, "status"),
        "msg_type": _told(alert, "msgType"),
        "references": [_reference(text) for text in (_told(alert, "references") or "").split()],
    }
    areas: list[Element] = []
    if info is not None:
        areas = list(_parts(info, "area"))
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
        told |= {name: text for name in names if (text := _told(info, name)) is not None}
        told["sender_name"] = _told(info, "senderName")
        told["area"] = "; ".join(filter(None, (_told(area, "areaDesc") for area in areas))) or None
        told["ends"] = next((_told(part, "value") for part in _parts(info, "parameter")
                             if _told(part, "valueName") in {"eventEndingTime", "ends"}), None)  # fmt: skip
    elif told["msg_type"] == "Cancel":
        told["event"] = "Cancellation"
    else:
        raise ValueError("info: there is none")
    message = HazardMessage.model_validate(told)
    return draft_of(index, message, _geometry(areas))


def _reference(text: str) -> dict[str, str]:
    parts = text.split(",")
    if len(parts) != PARTS_OF_REFERENCE:
        raise ValueError(f"references: {text[:80]!r} is not sender,identifier,sent")
    return {"identifier": parts[1], "sent": parts[2]}


def _geometry(areas: list[Element]) -> BaseGeometry | None:
    shapes = [
        *(_polygon(text) for area in areas for text in _texts(area, "polygon")),
        *(_circle(text) for area in areas for text in _texts(area, "circle")),
    ]
    if sum(int(shapely.get_num_coordinates(each)) for each in shapes) > MAX_POSITIONS:
        raise ValueError(f"area: more than {MAX_POSITIONS} positions")
    # Not their union: where many areas cross each other, that takes minutes, and who asks what lies inside needs none.
    return shapely.GeometryCollection([part for each in shapes for part in shapely.get_parts(each)]) if shapes else None


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


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parts(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _texts(element: Element, name: str) -> Iterator[str]:
    return ((child.text or "").strip() for child in _parts(element, name))


def _told(element: Element, name: str) -> str | None:
    return next((text for text in _texts(element, name) if text), None)
