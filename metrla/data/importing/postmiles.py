"""Postmiles where a file has none: sensors in the order in which they stand along their freeway. Pure.

The sensors of the carriageway that has most of them make the line of the freeway: the longest path through their
minimum spanning tree, which follows bends where sorting by latitude would not. Miles grow the way that traffic signed
north or east goes: by the edges that tell who is downstream of whom, or where none does by the compass, which errs on
a northbound freeway that heads west. Every sensor of the freeway, of both directions, gets the mile at which it is
nearest to that line. Miles are as the crow flies from sensor to sensor, so somewhat short in bends, and they begin at 0
with the first sensor: order and neighbourhood are right, the figures are not Caltrans' own.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from math import cos, hypot, radians

from shared.traffic.network import great_circle_miles

Point = tuple[float, float]
Plane = tuple[float, float]


def estimate_postmiles(
    positions: Mapping[str, Sequence[Point]], downstream: Mapping[str, Collection[tuple[int, int]]] | None = None
) -> dict[str, list[float]]:
    """Miles along one freeway.

    Args:
        positions: latitude and longitude of its sensors, by direction letter.
        downstream: by direction letter, pairs of places in `positions` of which the second is known to be downstream.

    Returns:
        One postmile per sensor, in the order given, by direction letter.
    """
    everywhere = [point for points in positions.values() for point in points]
    backbone = max(positions.values(), key=len)
    line = _longest_path(backbone if len(backbone) > 1 else everywhere)
    north_south = next(iter(positions)) in {"N", "S"}
    axis = 0 if north_south else 1
    if line[0][axis] > line[-1][axis]:
        line.reverse()
    origin = line[0]
    plane = [_flat(point, origin) for point in line]
    miles = {toward: [_mile(_flat(point, origin), plane) for point in points] for toward, points in positions.items()}
    votes = sum(
        1 if (miles[toward][end] > miles[toward][start]) == (toward in {"N", "E"}) else -1
        for toward, pairs in (downstream or {}).items()
        for start, end in pairs
    )
    if votes < 0:
        miles = {toward: [-mile for mile in along] for toward, along in miles.items()}
    least = min(mile for along in miles.values() for mile in along)
    return {toward: [mile - least for mile in along] for toward, along in miles.items()}


def _flat(point: Point, origin: Point) -> Plane:
    """Miles east and north of an origin: flat enough over a metropolis."""
    miles_per_degree = great_circle_miles(0.0, 0.0, 1.0, 0.0)
    east = (point[1] - origin[1]) * cos(radians(origin[0])) * miles_per_degree
    return east, (point[0] - origin[0]) * miles_per_degree


def _mile(point: Plane, line: Sequence[Plane]) -> float:
    """Mile of the nearest place on a line; before its start and after its end it goes on straight."""
    if len(line) == 1:
        return 0.0
    best, best_distance, passed = 0.0, float("inf"), 0.0
    for number, (start, end) in enumerate(pairwise(line)):
        length = hypot(end[0] - start[0], end[1] - start[1])
        if length == 0.0:
            continue
        along = ((point[0] - start[0]) * (end[0] - start[0]) + (point[1] - start[1]) * (end[1] - start[1])) / length
        least = float("-inf") if number == 0 else 0.0
        most = float("inf") if number == len(line) - 2 else length
        along = min(max(along, least), most)
        foot = (
            start[0] + (end[0] - start[0]) * along / length,
            start[1] + (end[1] - start[1]) * along / length,
        )
        distance = hypot(point[0] - foot[0], point[1] - foot[1])
        if distance < best_distance:
            best, best_distance = passed + along, distance
        passed += length
    return best


def _longest_path(points: Sequence[Point]) -> list[Point]:
    tree = _spanning_tree(points)
    start = _farthest(tree, points, 0)[-1]
    return [points[node] for node in _farthest(tree, points, start)]


def _spanning_tree(points: Sequence[Point]) -> list[list[int]]:
    """Neighbours of each point in the minimum spanning tree (Prim's algorithm)."""
    tree: list[list[int]] = [[] for _ in points]
    nearest = {node: (great_circle_miles(*points[0], *points[node]), 0) for node in range(1, len(points))}
    while nearest:
        node = min(nearest, key=lambda candidate: nearest[candidate][0])
        _, parent = nearest.pop(node)
        tree[node].append(parent)
        tree[parent].append(node)
        for other, (distance, _) in nearest.items():
            if (closer := great_circle_miles(*points[node], *points[other])) < distance:
                nearest[other] = (closer, node)
    return tree


def _farthest(tree: Sequence[Sequence[int]], points: Sequence[Point], start: int) -> list[int]:
    """The longest path through the tree that begins at `start`."""
    parents, lengths, stack = {start: start}, {start: 0.0}, [start]
    while stack:
        node = stack.pop()
        for other in tree[node]:
            if other not in parents:
                parents[other] = node
                lengths[other] = lengths[node] + great_circle_miles(*points[node], *points[other])
                stack.append(other)
    path = [max(lengths, key=lambda node: lengths[node])]
    while path[-1] != start:
        path.append(parents[path[-1]])
    return path[::-1]
