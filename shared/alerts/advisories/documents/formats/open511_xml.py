"""Open511 in XML, brought to the form that it has in JSON. Pure.

What JSON has as a list is an element around others here; `link` elements stand for addresses, and places are in GML.
"""

import json
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import shapely

from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.gml import one_of, shapes
from shared.alerts.advisories.documents.formats.reading import MAX_REASON
from shared.alerts.advisories.documents.formats.xml import attribute, name_of, parts

LISTS: Mapping[str, str] = {
    "areas": "area",
    "attachments": "attachment",
    "days": "day",
    "event_subtypes": "event_subtype",
    "grouped_events": "grouped_event",
    "intervals": "interval",
    "recurring_schedules": "recurring_schedule",
    "restrictions": "restriction",
    "roads": "road",
    "schedules": "schedule",
}
FAULT = "fault in GML"
LINKS = {"jurisdiction": "jurisdiction_url", "self": "url"}


def is_open511_xml(root: Element) -> bool:
    """Whether an XML document looks like one of these."""
    return name_of(root) == "open511" or next(parts(root, "events", "event"), None) is not None


def document_of(root: Element) -> dict[str, Any]:
    """The document as JSON has it; raises `UnreadableAdvisoriesError` where it is none as a whole."""
    if next(parts(root, "events"), None) is None and next(parts(root, "event"), None) is None:
        raise UnreadableAdvisoriesError("no Open511 document: there is no `events` element")
    return {"events": [_event(event) for event in (*parts(root, "events", "event"), *parts(root, "event"))]}


def _event(event: Element) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for child in event:
        name = name_of(child)
        if name == "link":
            relation = attribute(child, "rel") or "link"
            made.setdefault(LINKS.get(relation, f"link {relation}"), attribute(child, "href"))
        elif name in {"geography", "geometry"}:
            made["geography"] = _geography(child)
        else:
            made[name] = _value(child)
    made.setdefault("id", made.get("url"))
    if isinstance(schedules := made.pop("schedules", None), list):
        made["schedule"] = {"recurring_schedules": schedules}
    return made


def _value(element: Element) -> Any:  # noqa: ANN401 - as JSON has it
    single = LISTS.get(name_of(element))
    if single is not None:
        members = [_value(each) for each in parts(element, single)]
        return members or (element.text or "").replace(",", " ").split()
    if not len(element):
        return (element.text or "").strip() or None
    return {name_of(child): _value(child) for child in element}


def _geography(element: Element) -> object:
    try:
        found = list(shapes(element))
    except ValueError as wrong:
        # Told where the geometry is judged: it is the fault of one event, not of the document.
        return {FAULT: str(wrong)[:MAX_REASON]}
    return json.loads(shapely.to_geojson(one_of(found))) if found else None
