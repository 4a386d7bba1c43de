"""Work zones: the WZDx Work Zone Feed (github.com/usdot-jpo-ode/wzdx, U.S. DOT), versions 4.0 to 4.2; CWZ 1.0. Pure.

CWZ (Connected Work Zones; AASHTO, ITE, NEMA, SAE) is WZDx 4.2 made a standard, with the same fields.

A feature is a road event on one carriageway. Required is what the specification requires and is needed here: id,
geometry, start and end, direction, road names, and the impact on vehicles of a work zone. A publisher says that one is
over by leaving it out, by its end or, before 4.2, by `event_status`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.reading import (
    MAX_PARTS,
    UNUSABLE,
    Instant,
    Lenient,
    Text,
    id_of,
    numbered,
    one_line,
    paragraph,
    read_geometry,
    reason_of,
    require_order,
    unread_fields,
)
from shared.alerts.advisories.documents.roads import direction_of, read_road
from shared.events.records import AdvisoryType, AlertSeverity

GEOMETRIES = frozenset({"LineString", "MultiPoint"})
ALSO_READ = frozenset({"geometry"})
INFOS = ("feed_info", "feedInfo", "road_event_feed_info")
MAX_NESTED = 12
_VERSION = re.compile(r"4(\.\d+)*|(CWZ ?)?v?1\.0(\.\d+)*", re.IGNORECASE)
_CAPITAL = re.compile(r"(?<=[a-z0-9])[A-Z]")
OVER = frozenset({"completed", "cancelled"})

IMPACTS = {
    "all-lanes-closed": AlertSeverity.HIGH,
    "some-lanes-closed": AlertSeverity.MEDIUM,
    "some-lanes-closed-merge-left": AlertSeverity.MEDIUM,
    "some-lanes-closed-merge-right": AlertSeverity.MEDIUM,
    "some-lanes-closed-split": AlertSeverity.MEDIUM,
    "alternating-one-way": AlertSeverity.MEDIUM,
    "flagging": AlertSeverity.MEDIUM,
    "temporary-traffic-signal": AlertSeverity.MEDIUM,
    "all-lanes-open": AlertSeverity.LOW,
    "all-lanes-open-shift-left": AlertSeverity.LOW,
    "all-lanes-open-shift-right": AlertSeverity.LOW,
    "unknown": AlertSeverity.LOW,
}
Impact = Literal[
    "all-lanes-closed",
    "some-lanes-closed",
    "some-lanes-closed-merge-left",
    "some-lanes-closed-merge-right",
    "some-lanes-closed-split",
    "alternating-one-way",
    "flagging",
    "temporary-traffic-signal",
    "all-lanes-open",
    "all-lanes-open-shift-left",
    "all-lanes-open-shift-right",
    "unknown",
]
Direction = Literal[
    "northbound", "eastbound", "southbound", "westbound", "undefined", "unknown", "inner-loop", "outer-loop"
]


class _Core(Lenient):
    data_source_id: Text
    event_type: Literal["work-zone", "detour"]
    road_names: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_PARTS)]
    direction: Direction
    name: str | None = None
    description: str | None = None
    creation_date: Instant | None = None
    update_date: Instant | None = None


class _Properties(Lenient):
    core_details: _Core
    start_date: Instant
    end_date: Instant
    vehicle_impact: Impact | None = None
    event_status: str | None = None
    beginning_cross_street: str | None = None
    ending_cross_street: str | None = None


class _Feature(Lenient):
    type: Literal["Feature"]
    id: Text
    properties: _Properties


def is_wzdx(document: object) -> bool:
    """Whether a JSON document says that it is one of these."""
    return isinstance(document, Mapping) and any(name in document for name in INFOS)


def parse(document: object) -> Parsed:
    """The work zones of a feed; raises `UnreadableAdvisoriesError` where it is none as a whole."""
    if not isinstance(document, Mapping) or not isinstance(features := document.get("features"), list):
        raise UnreadableAdvisoriesError("no WZDx feed: an object with a list of `features` is needed")
    info = next((found for name in INFOS if (found := document.get(name))), None)
    if "feedInfo" in document:
        info, features = _in_snake_case(info), [_in_snake_case(feature) for feature in features]
    information = info if isinstance(info, Mapping) else {}
    version = str(information.get("version", "4.2")).strip()
    if not _VERSION.fullmatch(version):
        raise UnreadableAdvisoriesError(f"WZDx version {version[:20]!r} is not read; 4.0, 4.1, 4.2 and CWZ 1.0 are")
    publishers = _publishers(information)
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    for index, feature in numbered(features):
        try:
            draft = _draft(index, feature, publishers)
            if draft.chain_id in drafts:
                raise ValueError(f"id: appears twice, first at feature {drafts[draft.chain_id].index}")
            drafts[draft.chain_id] = draft
            if fields := unread_fields(feature, _Feature, ALSO_READ):
                unread.append(Unread(index, draft.publisher_id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, id_of(feature, "id"), reason_of(wrong)))
    return Parsed(DocumentFormat.WZDX, len(features), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _draft(index: int, value: object, publishers: Mapping[str, str]) -> Draft:
    feature = _Feature.model_validate(value)
    properties, core = feature.properties, feature.properties.core_details
    if core.event_type == "work-zone" and properties.vehicle_impact is None:
        raise ValueError("properties.vehicle_impact: a work zone needs it")
    require_order(properties.start_date, properties.end_date, "properties.end_date")
    geometry = read_geometry(
        value["geometry"] if isinstance(value, Mapping) and "geometry" in value else None, GEOMETRIES
    )
    impact = properties.vehicle_impact or "unknown"
    between = " to ".join(filter(None, (properties.beginning_cross_street, properties.ending_cross_street)))
    what = "Detour" if core.event_type == "detour" else "Work zone"
    lanes = "" if impact == "unknown" else f", {impact.replace('-', ' ')}"
    return Draft(
        index=index,
        scope=core.data_source_id,
        publisher_id=feature.id,
        chain_id=feature.id,
        advisory_type=AdvisoryType.CONSTRUCTION,
        title=one_line(core.name, f"{what}{f' from {between}' if between else ''}{lanes}"),
        description=paragraph(core.description, f"{core.road_names[0]}{lanes}."),
        severity=IMPACTS[impact],
        starts_at=properties.start_date,
        ends_at=properties.end_date,
        geometry=geometry,
        source=publishers.get(core.data_source_id, publishers[""]),
        roads=tuple(read_road(name, direction_of(core.direction.removesuffix("bound"))) for name in core.road_names),
        updated_at=core.update_date or core.creation_date,
        withdrawn=properties.event_status in OVER,
    )


def _in_snake_case(value: object, depth: int = 0) -> object:
    """CWZ names its fields as WZDx does; some of its publishers write them in camel case."""
    if depth > MAX_NESTED:
        return value
    if isinstance(value, list):
        return [_in_snake_case(each, depth + 1) for each in value]
    if isinstance(value, Mapping):
        return {
            _CAPITAL.sub(r"_\g<0>", str(name)).lower(): _in_snake_case(each, depth + 1) for name, each in value.items()
        }
    return value


def _publishers(information: Mapping[str, object]) -> dict[str, str]:
    """Names of the organisations by data source, that of the whole feed under ''."""
    publishers = {"": str(information.get("publisher") or "WZDx")[:200]}
    sources = information.get("data_sources")
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, Mapping) and isinstance(name := source.get("organization_name"), str):
            publishers[str(source.get("data_source_id"))] = name[:200]
    return publishers
