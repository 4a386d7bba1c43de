"""Lines, areas and points in GML (ISO 19136): latitude and longitude in turn, as EPSG:4326 has them. Pure."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.formats.reading import MAX_POSITIONS, MIN_RING_POINTS, mended
from shared.alerts.advisories.documents.formats.xml import name_of
from shared.traffic.network import on_globe

RINGS = frozenset({"LinearRing", "gmlLinearRing"})
LISTS = frozenset({"posList", "pos"})
A_POINT, A_LINE = 1, 2


def shapes(element: Element) -> Iterator[BaseGeometry]:
    """What is drawn in an element, in degrees; holes are filled. Raises `ValueError` saying what is wrong with it."""
    rings = {id(inner) for ring in element.iter() if name_of(ring) in RINGS for inner in ring.iter()}
    holes = {id(inner) for hole in element.iter() if name_of(hole) == "interior" for inner in hole.iter()}
    for each in element.iter():
        if name_of(each) not in LISTS or id(each) in holes or not (each.text or "").strip():
            continue
        if (each.text or "").count(" ") > 4 * MAX_POSITIONS:
            raise ValueError(f"{name_of(each)}: more than {MAX_POSITIONS} positions")
        numbers = [number_of(text) for text in (each.text or "").split()]
        least = MIN_RING_POINTS if id(each) in rings else A_POINT if name_of(each) == "pos" else A_LINE
        if len(numbers) % 2 or len(numbers) < 2 * least:
            raise ValueError(f"{name_of(each)}: {len(numbers)} numbers are not {least} positions at least")
        places = [place_of(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
        try:
            if id(each) in rings:
                yield mended(shapely.Polygon(places))
            else:
                yield shapely.Point(places[0]) if len(places) == 1 else shapely.LineString(places)
        except (ShapelyError, ValueError) as wrong:
            raise ValueError(f"{name_of(each)}: {wrong}") from wrong


def one_of(found: list[BaseGeometry]) -> BaseGeometry:
    """Several shapes as one."""
    return found[0] if len(found) == 1 else shapely.GeometryCollection(found)


def place_of(latitude: float, longitude: float) -> tuple[float, float]:
    """(longitude, latitude); raises `ValueError` off the globe."""
    if not on_globe(latitude, longitude):
        raise ValueError(f"coordinates: {latitude}, {longitude} is off the globe")
    return longitude, latitude


def number_of(text: str) -> float:
    """A coordinate; raises `ValueError` where it is none."""
    try:
        return float(text)
    except ValueError as wrong:
        raise ValueError(f"coordinates: {text[:40]!r} is no number") from wrong
