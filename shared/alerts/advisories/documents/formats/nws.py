"""Weather alerts: the GeoJSON of api.weather.gov (National Weather Service). Pure."""

from collections.abc import Mapping

from shared.alerts.advisories.documents.draft import DocumentFormat, Draft, Parsed, Rejected, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.hazards import HazardMessage, draft_of
from shared.alerts.advisories.documents.formats.reading import UNUSABLE, id_of, read_geometry, reason_of

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


def parse(document: object) -> Parsed:
    """The alerts of a collection, or of a single feature; raises `UnreadableAdvisoriesError` where it is neither."""
    features: object = None
    if isinstance(document, Mapping):
        features = [document] if document.get("type") == "Feature" else document.get("features")
    if not isinstance(features, list):
        raise UnreadableAdvisoriesError("no alerts of api.weather.gov: a GeoJSON FeatureCollection is needed")
    drafts: dict[str, Draft] = {}
    rejected: list[Rejected] = []
    for index, feature in enumerate(features):
        properties = feature.get("properties") if isinstance(feature, Mapping) else None
        try:
            draft = _draft(index, feature, properties)
            if draft.publisher_id in drafts:
                raise ValueError(f"id: appears twice, first at feature {drafts[draft.publisher_id].index}")
            drafts[draft.publisher_id] = draft
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, id_of(properties, "id") or id_of(feature, "id"), reason_of(wrong)))
    return Parsed(DocumentFormat.NWS, len(features), tuple(drafts.values()), tuple(rejected))


def _draft(index: int, feature: object, properties: object) -> Draft:
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
    return draft_of(index, message, None if geometry is None else read_geometry(geometry, GEOMETRIES))


_SAME = (
    "sender", "sent", "status", "references", "category", "event", "severity", "effective", "onset", "expires", "ends",
    "headline", "description", "instruction",
)  # fmt: skip
