"""Which sensors of a network an advisory touches, by geometry and direction. Pure.

A carriageway is a line through its sensors; a sensor speaks for the road half-way to the next one on each side, for a
mile at most. A road event touches the sensors whose stretch meets the part of the carriageway along the event's
geometry. An area touches the sensors inside it.

- A named road is compared by route and direction, so its geometry need only be near: the line through sensors cuts
  curves. Where no sensor speaks for the place, the next one upstream, where the queue will be, does.
- A name without a route number that calls itself a freeway is taken for whatever freeway runs there; a street is not.
- A line runs in the direction of travel (WZDx asks for that): where no direction is told, it tells the carriageway.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import Draft
from shared.alerts.advisories.documents.roads import Road, read_road
from shared.events.quantities import METRES_PER_MILE
from shared.events.records import SensorId
from shared.traffic.arrays import Floats
from shared.traffic.network import Network, Sensor
from shared.traffic.roadway import MAX_HALF_LENGTH_MILES, half_ways

METRES_PER_DEGREE = 111_195.0
AREAS = frozenset({"Polygon", "MultiPolygon"})
ORDERED = frozenset({"LineString", "MultiPoint", "MultiLineString"})
MIN_HEADING_MILES = 0.1
SAMPLE_METRES = 50.0
MAX_SAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Reach:
    """How near is near.

    `road_metres` beside a road that is not named, `named_metres` beside one that is, `along_metres` beyond the ends of
    an event along the road; `place_metres` around a place that names no road, and along the roads there. Where no
    sensor speaks for a place, the next one upstream does, within `upstream_miles`.
    """

    road_metres: float = 150.0
    named_metres: float = 1_500.0
    place_metres: float = 1_600.0
    along_metres: float = 250.0
    upstream_miles: float = 3.0


@dataclass(frozen=True)
class _Carriageway:
    """One carriageway: its line in metres, and per sensor, upstream first, its miles and the stretch it speaks for."""

    road: Road
    sensors: tuple[Sensor, ...]
    line: BaseGeometry
    metres: Floats
    miles: Floats
    first_mile: Floats
    last_mile: Floats


class Matcher:
    """Finds the sensors of one network; lays its roads out once."""

    def __init__(self, network: Network, reach: Reach | None = None) -> None:
        self.network = network
        self.reach = reach or Reach()
        self._latitude = float(np.mean([sensor.latitude for sensor in network.sensors]))
        self._scale = np.array([METRES_PER_DEGREE * cos(radians(self._latitude)), METRES_PER_DEGREE])
        self._roads = [self._lay_out(along) for _, along in sorted(network.carriageways.items())]

    def match(self, draft: Draft) -> tuple[SensorId, ...]:
        """Ids of the sensors touched, carriageway after carriageway, upstream first; none where it touches none."""
        if draft.geometry is None:
            return ()
        geometry = self._in_metres(draft.geometry)
        found: list[SensorId] = []
        for carriageway in self._roads:
            if draft.roads and not any(_may_be(road, carriageway.road) for road in draft.roads):
                continue
            found.extend(sensor.sensor_id for sensor in self._touched(carriageway, geometry, draft.roads))
        return tuple(found)

    def _touched(self, carriageway: _Carriageway, geometry: BaseGeometry, roads: Sequence[Road]) -> Sequence[Sensor]:
        parts = list(shapely.get_parts(geometry))
        numbers: set[int] = set()
        for part in parts:
            if part.geom_type in AREAS:
                numbers.update(self._inside(carriageway, part))
        rest = [part for part in parts if part.geom_type not in AREAS]
        if rest:
            ordered = geometry.geom_type in ORDERED
            numbers.update(
                self._along(
                    carriageway,
                    _points(rest),
                    [road for road in roads if _may_be(road, carriageway.road)],
                    ordered=ordered,
                )
            )
        return [carriageway.sensors[number] for number in sorted(numbers)]

    def _inside(self, carriageway: _Carriageway, area: BaseGeometry) -> Sequence[int]:
        places = np.array([self._place(sensor) for sensor in carriageway.sensors])
        flags = shapely.intersects_xy(area, places[:, 0], places[:, 1])
        return [int(number) for number in np.flatnonzero(flags)]

    def _along(
        self, carriageway: _Carriageway, points: Floats, roads: Sequence[Road], *, ordered: bool
    ) -> Sequence[int]:
        """Numbers of the sensors touched along `points`; `roads` are those told that can be this carriageway."""
        named = any(road.same_route(carriageway.road) for road in roads)
        directed = any(road.direction is not None for road in roads)
        miles = self._miles_near(carriageway, points, self._metres(roads, named=named))
        if not miles.size or (ordered and not directed and miles[-1] - miles[0] < -MIN_HEADING_MILES):
            return ()
        beyond = (self.reach.along_metres if roads else self.reach.place_metres) / METRES_PER_MILE
        first, last = miles.min() - beyond, miles.max() + beyond
        touched = np.flatnonzero((carriageway.first_mile <= last) & (carriageway.last_mile >= first))
        if not touched.size and named:
            nearest = first - self.reach.upstream_miles
            touched = np.flatnonzero((carriageway.miles <= first) & (carriageway.miles >= nearest))[-1:]
        return [int(number) for number in touched]

    def _miles_near(self, carriageway: _Carriageway, points: Floats, metres: float) -> Floats:
        """Miles along the carriageway of those points that are no further from it than `metres`."""
        places = np.asarray(shapely.points(points))
        near = shapely.distance(places, carriageway.line) <= metres
        if len(carriageway.sensors) == 1:
            return np.full(int(near.sum()), carriageway.miles[0])
        along = shapely.line_locate_point(np.asarray(carriageway.line), places[near])
        return np.interp(along, carriageway.metres, carriageway.miles)

    def _metres(self, roads: Sequence[Road], *, named: bool) -> float:
        if not roads:
            return self.reach.place_metres
        return self.reach.named_metres if named else self.reach.road_metres

    def _lay_out(self, along: tuple[Sensor, ...]) -> _Carriageway:
        places = np.array([self._place(sensor) for sensor in along])
        miles = np.array([sensor.travel_miles for sensor in along])
        half = half_ways(miles)
        return _Carriageway(
            road=read_road(along[0].freeway, along[0].direction or None),
            sensors=along,
            line=shapely.LineString(places) if len(along) > 1 else shapely.Point(places[0]),
            metres=np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))]),
            miles=miles,
            # What happens just before the first sensor or beyond the last one has no other to be told by.
            first_mile=miles - np.append(MAX_HALF_LENGTH_MILES, half),
            last_mile=miles + np.append(half, MAX_HALF_LENGTH_MILES),
        )

    def _place(self, sensor: Sensor) -> Floats:
        place: Floats = np.array([sensor.longitude, sensor.latitude]) * self._scale
        return place

    def _in_metres(self, geometry: BaseGeometry) -> BaseGeometry:
        moved: BaseGeometry = shapely.transform(geometry, lambda degrees: degrees * self._scale)
        return moved


def _may_be(told: Road, here: Road) -> bool:
    if told.direction is not None and here.direction is not None and told.direction != here.direction:
        return False
    if told.number is None and here.number is not None:
        return told.motorway
    return told.same_route(here)


def _points(parts: Sequence[BaseGeometry]) -> Floats:
    """Points along lines, close enough to each other that none passes a road unseen, and the points themselves."""
    length = sum(part.length for part in parts)
    step = max(SAMPLE_METRES, length / MAX_SAMPLES)
    return np.concatenate([shapely.get_coordinates(shapely.segmentize(part, step)) for part in parts])
