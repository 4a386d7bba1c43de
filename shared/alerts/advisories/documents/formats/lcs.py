"""Lane closures of Caltrans: the status files of its Lane Closure System (cwwp2.dot.ca.gov), XML, JSON and CSV.

All three say the same under the same names, which differ from each other wherever they stand, so a closure is read from
its names alone. It is over when its crew says so (1098) or cancels it (1022). Pure.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from typing import Annotated, Any, Literal
from xml.etree.ElementTree import Element

import shapely
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
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
    MAX_UNREAD,
    UNUSABLE,
    Lenient,
    Text,
    checked_instant,
    field_name,
    numbered,
    one_line,
    paragraph,
    reason_of,
    require_order,
)
from shared.alerts.advisories.documents.formats.xml import name_of, parts
from shared.alerts.advisories.documents.roads import direction_of, read_road
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.network import on_globe

SCOPE = "caltrans-lcs"
MAX_NESTED = 8
MAINLINE = frozenset({"mainline", "conventional hwy", "conventional highway", "expressway", "freeway"})
FULL = frozenset({"full"})
SHOULDERS = ("shoulder", "shldr")


def _blank(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in {"", "not reported"} else value


def _flag(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


OptionalText = Annotated[str | None, BeforeValidator(_blank)]
Flag = Annotated[Literal[True, False, "true", "false", "1", "0"], BeforeValidator(_flag)]
Degrees = Annotated[float, Field(allow_inf_nan=False)]


class _Closure(Lenient):
    """A closure; in the files the names are in camel case."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True, alias_generator=to_camel)

    index: Text
    record_epoch: Annotated[float | None, BeforeValidator(_blank)] = None
    travel_flow_direction: OptionalText = None
    begin_district: OptionalText = None
    begin_location_name: OptionalText = None
    begin_free_form_description: OptionalText = None
    begin_nearby_place: OptionalText = None
    begin_longitude: Degrees
    begin_latitude: Degrees
    begin_route: Text
    end_location_name: OptionalText = None
    end_free_form_description: OptionalText = None
    end_longitude: Annotated[Degrees | None, BeforeValidator(_blank)] = None
    end_latitude: Annotated[Degrees | None, BeforeValidator(_blank)] = None
    closure_start_epoch: Degrees
    closure_end_epoch: Annotated[Degrees | None, BeforeValidator(_blank)] = None
    is_closure_end_indefinite: Flag = False
    facility: OptionalText = None
    type_of_closure: Text
    type_of_work: OptionalText = None
    lanes_closed: OptionalText = None
    total_existing_lanes: OptionalText = None
    estimated_delay: OptionalText = None
    is_code1098: Flag = False
    is_code1022: Flag = False


# The same instants in local time, and the parts of a place that the coordinates tell better.
ALSO_READ = frozenset({
    "recordDate", "recordTime", "closureID", "logNumber", "closureStartDate", "closureStartTime", "closureEndDate",
    "closureEndTime",
})  # fmt: skip
READ = frozenset(map(to_camel, _Closure.model_fields)) | ALSO_READ


def is_lcs_json(document: object) -> bool:
    """Whether a JSON document looks like one of these: `data` with closures under `lcs`."""
    data = document.get("data") if isinstance(document, Mapping) else None
    return isinstance(data, list) and any(isinstance(each, Mapping) and "lcs" in each for each in data)


def is_lcs_xml(root: Element) -> bool:
    """Whether an XML document looks like one of these."""
    return name_of(root) == "data" and next(parts(root, "lcs"), None) is not None


def is_lcs_csv(data: bytes) -> bool:
    """Whether the first line has the names of these."""
    return not data.startswith((b"{", b"[")) and b"closureStartEpoch" in data.partition(b"\n")[0]


def parse_json(document: object) -> Parsed:
    """The closures of a JSON document; raises `UnreadableAdvisoriesError` where it is none as a whole."""
    data = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(data, list):
        raise UnreadableAdvisoriesError("no lane closures: an object with a list under `data` is needed")
    return _parsed([each.get("lcs", each) if isinstance(each, Mapping) else each for each in data])


def parse_xml(root: Element) -> Parsed:
    """The closures of an XML document; raises `UnreadableAdvisoriesError` where it is none as a whole."""
    if name_of(root) != "data":
        raise UnreadableAdvisoriesError("no lane closures: there is no `data` element")
    return _parsed([_leaves(element) for element in parts(root, "lcs")])


def parse_csv(data: bytes) -> Parsed:
    """The closures of a CSV file; raises `UnreadableAdvisoriesError` where it is none as a whole."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        header, *rows = [row for row in csv.reader(StringIO(text, newline=""), strict=True) if row]
    except (csv.Error, ValueError) as wrong:
        raise UnreadableAdvisoriesError(f"no lane closures: no CSV: {str(wrong)[:200]}") from wrong
    names = [name.strip() for name in header]
    # A row that was cut does not even have an id that can be believed.
    return _parsed([
        dict(zip(names, row, strict=True)) if len(row) == len(names) else f"{len(row)} of {len(names)} cells"
        for row in rows
    ])  # fmt: skip


def _parsed(closures: list[Any]) -> Parsed:
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    for index, value in numbered(closures):
        fields: dict[str, object] = {}
        try:
            if not isinstance(value, Mapping):
                raise ValueError(f"no closure: {str(value)[:60]}")  # noqa: TRY004 - a fault of the document
            fields = dict(_flat(value))
            draft = _draft(index, fields)
            if draft.publisher_id in drafts:
                raise ValueError(f"index: appears twice, first at closure {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
            if left := tuple(
                field_name(name) for name, told in fields.items() if name not in READ and _blank(told) is not None
            ):
                unread.append(Unread(index, draft.publisher_id, left[:MAX_UNREAD]))
        except UNUSABLE as wrong:
            own = fields.get("index")
            rejected.append(
                Rejected(index, own.strip()[:200] if isinstance(own, str) and own.strip() else None, reason_of(wrong))
            )
    return Parsed(DocumentFormat.LCS, len(closures), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _flat(value: Mapping[Any, Any], depth: int = 0) -> Iterator[tuple[str, object]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and depth < MAX_NESTED:
            yield from _flat(inner, depth + 1)
        else:
            yield str(name), inner


def _leaves(element: Element) -> dict[str, object]:
    return {
        name_of(each): (each.text or "").strip() for each in element.iter() if not len(each) and each is not element
    }


def _draft(index: int, fields: Mapping[str, object]) -> Draft:
    closure = _Closure.model_validate(fields)
    starts_at = _instant(closure.closure_start_epoch, "closureStartEpoch")
    indefinite = closure.is_closure_end_indefinite in {True, "true", "1"} or closure.closure_end_epoch is None
    ends_at = None if indefinite else _instant(closure.closure_end_epoch or 0.0, "closureEndEpoch")
    require_order(starts_at, ends_at, "closureEndEpoch")
    facility = closure.facility or "Mainline"
    lanes = closure.lanes_closed and f"lanes {closure.lanes_closed}"
    of = f" of {closure.total_existing_lanes}" if lanes and closure.total_existing_lanes else ""
    what = f"{closure.type_of_closure} closure" + ("" if facility.lower() in MAINLINE else f" of {facility}")
    title = ", ".join(filter(None, (what, lanes and f"{lanes}{of}", closure.type_of_work)))
    begin = closure.begin_location_name or closure.begin_free_form_description
    end = closure.end_location_name or closure.end_free_form_description
    return Draft(
        index=index,
        scope=SCOPE,
        publisher_id=closure.index,
        chain_id=closure.index,
        advisory_type=AdvisoryType.CONSTRUCTION,
        title=one_line(title),
        description=paragraph(
            f"{closure.begin_route}, {' to '.join(dict.fromkeys(filter(None, (begin, end))))}".rstrip(", "),
            closure.begin_nearby_place and f"Near {closure.begin_nearby_place}.",
            closure.estimated_delay and f"Expected delay: {closure.estimated_delay} minutes.",
        ),
        severity=_severity(closure, facility),
        starts_at=starts_at,
        ends_at=ends_at,
        geometry=_geometry(closure),
        source=f"Caltrans District {closure.begin_district}"[:200] if closure.begin_district else "Caltrans",
        roads=(read_road(closure.begin_route, direction_of(closure.travel_flow_direction or "")),),
        updated_at=None if closure.record_epoch is None else _instant(closure.record_epoch, "recordEpoch"),
        withdrawn=not {closure.is_code1098, closure.is_code1022}.isdisjoint({True, "true", "1"}),
    )


def _instant(epoch_s: float, name: str) -> datetime:
    try:
        return checked_instant(datetime.fromtimestamp(epoch_s, UTC))
    except (OverflowError, OSError, ValueError) as wrong:
        raise ValueError(f"{name}: {epoch_s:g} is no time that can be meant") from wrong


def _severity(closure: _Closure, facility: str) -> AlertSeverity:
    """A ramp is not the road; a shoulder is no lane."""
    lanes = [lane.strip().lower() for lane in (closure.lanes_closed or "").split(",") if lane.strip()]
    beside = bool(lanes) and all(any(word in lane for word in SHOULDERS) for lane in lanes)
    if facility.lower() not in MAINLINE or beside:
        return AlertSeverity.LOW
    return AlertSeverity.HIGH if closure.type_of_closure.lower() in FULL else AlertSeverity.MEDIUM


def _geometry(closure: _Closure) -> BaseGeometry:
    begin = (closure.begin_longitude, closure.begin_latitude)
    end = (closure.end_longitude or begin[0], closure.end_latitude or begin[1])
    for (longitude, latitude), name in ((begin, "begin"), (end, "end")):
        if not on_globe(latitude, longitude) or not (latitude or longitude):
            raise ValueError(f"{name}Latitude, {name}Longitude: {latitude}, {longitude} is no place")
    return shapely.Point(begin) if begin == end else shapely.LineString([begin, end])
