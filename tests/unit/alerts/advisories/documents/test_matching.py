"""Which sensors are touched: by road, direction, geometry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from shared.alerts.advisories.documents.draft import Draft
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.roads import read_road
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.network import Network

Place = Callable[..., list[float]]


@pytest.fixture
def matcher(network: Network) -> Matcher:
    return Matcher(network)


@pytest.fixture
def draft(now: datetime) -> Callable[..., Draft]:
    def build(geometry: BaseGeometry, *roads: str) -> Draft:
        return Draft(
            0, "", "x", "x", AdvisoryType.CONSTRUCTION, "t", "", AlertSeverity.LOW, now, None, geometry, "s",
            tuple(map(read_road, roads)),
        )  # fmt: skip

    return build


def test_a_named_line_touches_the_sensors_that_speak_for_it(
    matcher: Matcher, draft: Callable[..., Draft], at: Place
) -> None:
    line = shapely.LineString([at(3.7), at(5.3)])
    assert matcher.match(draft(line, "I-405 N")) == ("N4", "N5")
    assert matcher.match(draft(line, "I-405 S")) == ("S5", "S4"), "upstream first"


def test_a_point_between_sensors_touches_the_nearer(matcher: Matcher, draft: Callable[..., Draft], at: Place) -> None:
    assert matcher.match(draft(shapely.Point(at(7.3)), "Interstate 405 Northbound")) == ("N7",)


def test_a_named_road_may_be_off_by_a_curve_and_another_road_not(
    matcher: Matcher, draft: Callable[..., Draft], at: Place
) -> None:
    aside = shapely.Point(at(7.3, 900))
    assert matcher.match(draft(aside, "I-405 N")) == ("N7",)
    assert matcher.match(draft(shapely.Point(at(7.3, 3_000)), "I-405 N")) == ()
    assert matcher.match(draft(aside, "San Diego Freeway")) == ()
    assert matcher.match(draft(shapely.Point(at(7.3)), "Sepulveda Blvd")) == ()
    assert matcher.match(draft(shapely.Point(at(7.3)), "I-10 E")) == ()


def test_a_line_tells_its_direction_where_nothing_else_does(
    matcher: Matcher, draft: Callable[..., Draft], at: Place
) -> None:
    line = shapely.LineString([at(5.3), at(3.7)])
    assert matcher.match(draft(line, "I-405")) == ("S5", "S4")
    assert matcher.match(draft(line.reverse(), "I-405")) == ("N4", "N5")
    assert set(matcher.match(draft(shapely.Point(at(5.0)), "I-405"))) == {"N5", "S5"}


def test_an_unnumbered_freeway_is_whatever_runs_there(matcher: Matcher, draft: Callable[..., Draft], at: Place) -> None:
    line = shapely.LineString([at(3.7), at(5.3)])
    assert matcher.match(draft(line, "San Diego Freeway")) == ("N4", "N5")


def test_a_place_without_roads_touches_what_is_around_it(
    matcher: Matcher, draft: Callable[..., Draft], at: Place
) -> None:
    around = {"N9", "N10", "N11", "S9", "S10", "S11", "E4", "E5", "E6"}
    assert set(matcher.match(draft(shapely.Point(at(10.3, 300))))) == around


def test_an_area_touches_the_sensors_inside(matcher: Matcher, draft: Callable[..., Draft], at: Place) -> None:
    (west, south), (east, north) = at(1.5, -500), at(3.5, 500)
    area = shapely.box(west, south, east, north)
    assert set(matcher.match(draft(area))) == {"N2", "N3", "S2", "S3"}
    hole = area.difference(shapely.Point(at(2.0)).buffer(0.004))
    assert set(matcher.match(draft(hole))) == {"N3", "S3"}
    both = shapely.MultiPolygon([area, shapely.box(west, at(7.5)[1], east, at(8.5)[1])])
    assert set(matcher.match(draft(both))) == {"N2", "N3", "N8", "S2", "S3", "S8"}


def test_where_no_sensor_speaks_the_next_upstream_does(
    network: Network, draft: Callable[..., Draft], at: Place
) -> None:
    few = replace(network, sensors=tuple(sensor for sensor in network.sensors if sensor.sensor_id in {"N2", "N8"}))
    matcher = Matcher(few)
    assert matcher.match(draft(shapely.Point(at(4.5)), "I-405 N")) == ("N2",)
    assert matcher.match(draft(shapely.Point(at(5.5)), "I-405 N")) == (), "more than three miles off"
    assert matcher.match(draft(shapely.Point(at(8.6)), "I-405 N")) == ("N8",)


def test_a_lone_sensor_can_be_touched(network: Network, draft: Callable[..., Draft], at: Place) -> None:
    lone = Matcher(replace(network, sensors=network.sensors[:1]))
    assert lone.match(draft(shapely.Point(at(0.3)), "I-405 N")) == ("N0",)
