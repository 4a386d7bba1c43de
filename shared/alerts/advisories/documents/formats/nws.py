"""Weather alerts: the GeoJSON of api.weather.gov (National Weather Service). Pure."""

from collections.abc import Iterator, Mapping

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
    MAX_UNREAD,
    UNUSABLE,
    field_name,
    id_of,
    numbered,
    read_geometry,
    reason_of,
    unread_fields,
)
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable

# The references are read; what JSON-LD repeats of them in other words says nothing more.
ALSO_READ = frozenset({
    "id", "messageType", "senderName", "areaDesc", "@id", "@type", "references.@id", "references.sender",
})  # fmt: skip
# Read where there is no geometry.
ZONES = frozenset({"geocode", "affectedZones"})
GEOMETRIES = frozenset({"Polygon", "MultiPolygon", "GeometryCollection"})


def is_nws(document: object) -> bool:
    """Whether a JSON document looks like one of these: features, or one feature, with a `messageType`."""
    if not isinstance(document, Mapping):
        return False
    features = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    return isinstance(features, list) and any(
        isinstance(feature, Mapping)
        and isinstance(feature.get("properties"), Mapping)
        and "messageType" in feature["properties"]
        for feature in features
    )


def parse(document: object, zones: ZoneTable = NO_ZONES) -> Parsed:
    """The alerts of a collection, or of a single feature; raises `UnreadableAdvisoriesError` where it is neither.

    `zones` say where the zones are that an alert names without drawing them.
    """
    features: object = None
    if isinstance(document, Mapping):
        features = [document] if document.get("type") == "Feature" else document.get("features")
    if not isinstance(features, list):
        raise UnreadableAdvisoriesError("no alerts of api.weather.gov: a GeoJSON FeatureCollection is needed")
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    for index, feature in numbered(features):
        properties = feature.get("properties") if isinstance(feature, Mapping) else None
        try:
            draft, unknown = _draft(index, feature, properties, zones)
            if draft.publisher_id in drafts:
                raise ValueError(f"id: appears twice, first at feature {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
            drawn = isinstance(feature, Mapping) and feature.get("geometry") is not None
            also = ALSO_READ if drawn else ALSO_READ | ZONES
            if fields := (*unread_fields(properties, HazardMessage, also), *unknown):
                unread.append(Unread(index, draft.publisher_id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, id_of(properties, "id") or id_of(feature, "id"), reason_of(wrong)))
    return Parsed(DocumentFormat.NWS, len(features), tuple(drafts.values()), tuple(rejected), tuple(unread))


def _draft(index: int, feature: object, properties: object, zones: ZoneTable) -> tuple[Draft, tuple[str, ...]]:
    if not isinstance(feature, Mapping) or not isinstance(properties, Mapping):
        raise ValueError("properties: there are none")  # noqa: TRY004 - a fault of the document
    told = {
        "identifier": properties.get("id"),
        "msg_type": properties.get("messageType"),
        "sender_name": properties.get("senderName"),
        "area": properties.get("areaDesc"),
        **{name: properties[name] for name in _SAME if properties.get(name) is not None},
    }
    message = HazardMessage.model_validate(told)
    geometry = feature.get("geometry")
    if geometry is not None:
        return draft_of(index, message, read_geometry(geometry, GEOMETRIES)), ()
    area, unknown = zones.area(_codes(properties))
    return draft_of(index, message, area), tuple(f"geocode {code}" for code in unknown)[:MAX_UNREAD]


def _codes(properties: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    geocode = properties.get("geocode")
    for scheme, codes in geocode.items() if isinstance(geocode, Mapping) else ():
        for code in codes if isinstance(codes, list) else ():
            if isinstance(code, str):
                yield field_name(str(scheme)), field_name(code)


_SAME = (
    "sender", "sent", "status", "references", "category", "event", "severity", "effective", "onset", "expires", "ends",
    "headline", "description", "instruction",
)  # fmt: skip
