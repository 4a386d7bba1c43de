"""What is usual at an advisory's sensors: of the type of day that it is, public holidays too."""

from datetime import datetime, timedelta

import pytest

from shared.alerts.advisories.usual import UsualLookups, Wanted
from tests.kit.networks import LOS_ANGELES, network_of, sensor
from tests.kit.windows import processed_window

WORKING_MPH, OFF_MPH = 30.0, 60.0
NETWORK = network_of(sensor("A"), holidays="US-CA")
BEFORE = datetime(2026, 7, 4, tzinfo=LOS_ANGELES)


@pytest.mark.parametrize(
    ("day", "usual_mph"),
    [
        pytest.param(2, WORKING_MPH, id="a Thursday"),
        pytest.param(3, OFF_MPH, id="a Friday on which a holiday is observed"),
        pytest.param(5, OFF_MPH, id="a Sunday"),
    ],
)
def test_a_day_off_has_the_usual_speeds_of_days_off(day: int, usual_mph: float) -> None:
    days = [BEFORE - timedelta(days=back) for back in range(2, 20)]
    windows = [
        processed_window(
            NETWORK.network_id, "A", each + timedelta(hours=12), OFF_MPH if each.weekday() >= 5 else WORKING_MPH
        )
        for each in days
        if each.date().isoformat() != "2026-06-19"  # a holiday, too
    ]
    lookups = UsualLookups()
    lookups.put(Wanted(NETWORK.network_id, NETWORK.sensors[0].sensor_id, BEFORE), NETWORK, windows)
    at = datetime(2026, 7, day, 12, 5, tzinfo=LOS_ANGELES)
    assert lookups.at(NETWORK, at).tolist() == [usual_mph]
