"""Which sensors a request is about."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.views.where import ANYWHERE, Box, Circle, Where
from shared.events.records import SensorId
from shared.traffic.network import Sensor, great_circle_miles

HERE = Sensor(SensorId("s"), "Site", "I-405", "N", 12.5, 34.05, -118.25, "freeway", 4)


@pytest.mark.parametrize(
    ("where", "has"),
    [
        (ANYWHERE, True),
        (Where(frozenset({SensorId("s"), SensorId("t")})), True),
        (Where(frozenset({SensorId("t")})), False),
        (Where(freeway="I-405", direction="N", road_type="freeway"), True),
        (Where(freeway="I-405", direction="S"), False),
        (Where(freeway="I-10"), False),
        (Where(road_type="ramp"), False),
        (Where(freeway="I-405", postmile_from=12.5, postmile_to=12.5), True),
        (Where(freeway="I-405", postmile_from=12.6), False),
        (Where(freeway="I-405", postmile_to=12.4), False),
        (Where(box=Box(-118.25, 34.05, -118.25, 34.05)), True),
        (Where(box=Box(-118.2, 34.0, -118.0, 34.1)), False),
        (Where(box=Box(-118.3, 34.06, -118.2, 34.1)), False),
        # Over the antimeridian, from Fiji to California.
        (Where(box=Box(177.0, 30.0, -110.0, 40.0)), True),
        (Where(box=Box(177.0, 30.0, -120.0, 40.0)), False),
        (Where(circle=Circle(34.05, -118.25, 0.1)), True),
        (Where(circle=Circle(34.05, -118.0, 5.0)), False),
    ],
)
def test_where(where: Where, *, has: bool) -> None:
    assert where.has(HERE) is has


@given(st.floats(-89, 89), st.floats(-180, 180), st.floats(-89, 89), st.floats(-180, 180), st.floats(0.01, 500))
def test_a_circle_has_what_is_near(south: float, west: float, north: float, east: float, miles: float) -> None:
    away = great_circle_miles(south, west, north, east)
    assert Circle(south, west, miles).has(north, east) is (away <= miles)
    assert not math.isnan(away)
