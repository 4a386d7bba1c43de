"""Where the zones and counties are that alerts name instead of drawing them. Pure.

A table is a GeoJSON FeatureCollection: each feature has a (multi)polygon, and its code as `id` or among its properties
(`id`, `ugc`, `code`, `zone`, `same`, `fips`). The zones of api.weather.gov are such collections.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.reading import read_geometry, read_json, together

POLYGONS = frozenset({"Polygon", "MultiPolygon"})
CODES = ("id", "ugc", "code", "zone", "same", "fips")
FINER = "UGC"
"""Where an alert names its area by several schemes, this one is the finest: the others name whole counties."""


@dataclass(frozen=True)
class ZoneTable:
    """Polygons in degrees by the code of their zone, in capitals."""

    zones: Mapping[str, BaseGeometry] = field(default_factory=dict)

    @classmethod
    def read(cls, data: bytes) -> "ZoneTable":
        """The table in a GeoJSON document; raises `UnreadableAdvisoriesError` with the feature that is at fault."""
        document = read_json(data)
        features = document.get("features") if isinstance(document, Mapping) else None
        if not isinstance(features, list):
            raise UnreadableAdvisoriesError("no zone table: a GeoJSON FeatureCollection is needed")
        zones: dict[str, list[BaseGeometry]] = {}
        for index, feature in enumerate(features):
            try:
                codes = list(_codes(feature))
                if not codes:
                    raise ValueError(f"no code, in none of {', '.join(CODES)}")  # noqa: TRY301 - the one place that refuses
                area = read_geometry(dict(feature).get("geometry"), POLYGONS)
            except ValueError as wrong:
                raise UnreadableAdvisoriesError(f"no zone table: feature {index}: {wrong}") from wrong
            for code in codes:
                zones.setdefault(code, []).append(area)
        return cls({code: areas[0] if len(areas) == 1 else shapely.union_all(areas) for code, areas in zones.items()})

    def area(self, codes: Iterable[tuple[str, str]]) -> tuple[BaseGeometry | None, tuple[str, ...]]:
        """The area of zones given as (scheme, code), `None` where none is known; and what is not known, as text."""
        named = [(scheme, code.strip().upper()) for scheme, code in codes]
        finer = [each for each in named if each[0] == FINER and each[1] in self.zones]
        wanted = [each for each in named if each[0] == FINER] if finer else named
        known = [self.zones[code] for _, code in wanted if code in self.zones]
        unknown = tuple(dict.fromkeys(f"{scheme} {code}" for scheme, code in wanted if code not in self.zones))
        return together(known), unknown


def _codes(feature: Any) -> Iterable[str]:  # noqa: ANN401 - whatever is in the list
    if not isinstance(feature, Mapping):
        raise ValueError("no GeoJSON feature")  # noqa: TRY004 - a fault of the document
    properties = feature.get("properties")
    told = {str(name).lower(): value for name, value in properties.items()} if isinstance(properties, Mapping) else {}
    values = [feature.get("id"), *(told.get(name) for name in CODES)]
    texts = (str(value).strip().upper() for value in values if isinstance(value, str | int))
    return dict.fromkeys(text.rpartition("/")[2] for text in texts if text)


NO_ZONES = ZoneTable()
