"""No geometry costs more than a moment, whatever crosses whatever."""

from math import cos, pi, sin
from time import process_time
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.formats.reading import MAX_POSITIONS, read_geometry

KINDS = frozenset({"Polygon", "MultiPolygon", "LineString", "MultiLineString"})
MOMENT_S = 5.0


def star(points: int, step: int) -> list[list[float]]:
    """A ring that crosses itself about points * step times."""
    turns = [2 * pi * step * number / points for number in range(points)]
    ring = [[-118 + 0.1 * cos(turn), 34 + 0.1 * sin(turn)] for turn in turns]
    return [*ring, ring[0]]


def comb(teeth: int) -> list[list[float]]:
    ring = [[-118 + 1e-5 * number, 34.0 + (number % 2)] for number in range(teeth)]
    return [*ring, ring[0]]


def bars(number: int) -> list[Any]:
    """As many high bars and as many wide ones: each crosses all of the others."""
    high = [
        [[-118 + 0.01 * n, 34], [-118 + 0.01 * n + 0.005, 34], [-118 + 0.01 * n + 0.005, 35]] for n in range(number)
    ]
    wide = [[[-118, 34 + 0.01 * n], [-117, 34 + 0.01 * n], [-117, 34 + 0.01 * n + 0.005]] for n in range(number)]
    return [[[*ring, ring[0]]] for ring in high + wide]


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        *(("Polygon", [star(points, (points - 1) // 2)]) for points in (31, 101, 501, 2001, 19_999)),
        ("Polygon", [comb(500)]),
        ("Polygon", [comb(19_000)]),
        ("Polygon", [star(5, 1)] * 3000),
        ("MultiPolygon", [[star(5, 1)]] * 3000),
        ("MultiPolygon", bars(90)),
        ("LineString", comb(100_000)),
    ],
)
def test_a_knot_is_refused_at_once(kind: str, coordinates: Any) -> None:  # noqa: ANN401 - GeoJSON
    begun = process_time()
    with pytest.raises(ValueError, match=r"geometry\.coordinates"):
        read_geometry({"type": kind, "coordinates": coordinates}, KINDS)
    assert process_time() - begun < MOMENT_S


def test_what_crosses_itself_a_little_is_mended() -> None:
    bow = [[-118, 34], [-117, 35], [-117, 34], [-118, 35], [-118, 34]]
    mended = read_geometry({"type": "Polygon", "coordinates": [bow]}, KINDS)
    assert mended.is_valid
    assert mended.area == pytest.approx(0.5)


def test_a_large_outline_is_taken() -> None:
    outline = [[-118 + 0.1 * cos(2 * pi * n / 15_000), 34 + 0.1 * sin(2 * pi * n / 15_000)] for n in range(15_000)]
    begun = process_time()
    taken = read_geometry({"type": "Polygon", "coordinates": [[*outline, outline[0]]]}, KINDS)
    assert shapely.get_num_coordinates(taken) <= MAX_POSITIONS
    assert process_time() - begun < MOMENT_S


PLACE = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PLACE, min_size=3, max_size=60).map(lambda ring: [*ring, ring[0]]), min_size=1, max_size=5))
def test_any_polygon_is_valid_or_refused_and_soon(rings: list[list[list[float]]]) -> None:
    begun = process_time()
    try:
        valid = read_geometry({"type": "Polygon", "coordinates": rings}, KINDS).is_valid
    except ValueError as refused:
        valid = str(refused).startswith("geometry")
    assert valid
    assert process_time() - begun < MOMENT_S


def test_positions_next_to_nothing_apart_are_taken_without_a_word() -> None:
    ring = [[0.0, 1.0], [3.4818123274051574e-301, -1.0], [4.490090753641155e-211, 0.0], [2.2e-309, 0.0], [0.0, 1.0]]
    assert read_geometry({"type": "Polygon", "coordinates": [ring]}, KINDS).is_valid


def test_a_collection_is_bounded_as_a_whole() -> None:
    part = {"type": "LineString", "coordinates": [[-118 + 1e-5 * n, 34.0] for n in range(MAX_POSITIONS // 2)]}
    with pytest.raises(ValueError, match="positions, more than"):
        read_geometry({"type": "GeometryCollection", "geometries": [part] * 3}, KINDS | {"GeometryCollection"})
