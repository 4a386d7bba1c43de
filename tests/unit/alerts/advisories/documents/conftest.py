"""A freeway north and south with a sensor every mile, another one across it, and documents about them."""

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events.records import SensorId
from shared.traffic.network import Network, Sensor
from tests.kit.networks import network_of

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LATITUDE, LONGITUDE = 34.0, -118.4
DEGREES_PER_MILE = 1 / 69.09

Document = dict[str, Any]


@pytest.fixture(scope="session")
def network() -> Network:
    """N0 to N19 and S0 to S19 on I-405 by postmile, both carriageways 40 m apart; E0 to E9 on SR-134, ten miles up."""
    sensors = [
        Sensor(
            SensorId(f"{way}{mile}"),
            f"Exit {mile}",
            "I-405",
            way,
            float(mile),
            LATITUDE + mile * DEGREES_PER_MILE,
            LONGITUDE + (0.0 if way == "N" else -0.0004),
        )
        for way in "NS"
        for mile in range(20)
    ] + [
        Sensor(
            SensorId(f"E{mile}"),
            f"Street {mile}",
            "SR-134",
            "E",
            float(mile),
            LATITUDE + 10.5 * DEGREES_PER_MILE,
            LONGITUDE + (mile - 5) * DEGREES_PER_MILE * 1.2,
        )
        for mile in range(10)
    ]
    return network_of(*sensors)


def place(mile: float, metres_east: float = 0.0) -> list[float]:
    """[longitude, latitude] on I-405."""
    return [LONGITUDE + metres_east / 92_000, LATITUDE + mile * DEGREES_PER_MILE]


@pytest.fixture(scope="session")
def at() -> Callable[..., list[float]]:
    return place


def work_zone(number: int, seed: int = 0) -> Document:
    """A realistic WZDx 4.2 feature: somewhere on I-405, either way."""
    chance = random.Random(f"{seed}-{number}")
    way = chance.choice(["northbound", "southbound"])
    start = chance.uniform(0.5, 17)
    line = [place(start + step * 0.3, chance.uniform(-20, 20)) for step in range(chance.randint(2, 6))]
    begins = NOW + timedelta(hours=chance.randint(-200, 200))
    return {
        "id": f"wz-{number:04}",
        "type": "Feature",
        "properties": {
            "core_details": {
                "data_source_id": "d7",
                "event_type": "work-zone",
                "road_names": chance.choice([["I-405"], ["Interstate 405", "San Diego Freeway"], ["I 405 Freeway"]]),
                "direction": way,
                "name": f"Paving {number}",
                "description": "Night paving.",
                "update_date": "2026-11-01T00:00:00Z",
            },
            "start_date": begins.isoformat().replace("+00:00", "Z"),
            "end_date": (begins + timedelta(hours=chance.randint(1, 300))).isoformat(),
            "is_start_date_verified": False,
            "is_end_date_verified": False,
            "is_start_position_verified": False,
            "is_end_position_verified": False,
            "vehicle_impact": chance.choice(["all-lanes-closed", "some-lanes-closed", "all-lanes-open", "unknown"]),
            "location_method": "channel-device-method",
            "lanes": [{"order": 1, "status": "closed", "type": "general"}],
        },
        "geometry": {
            "type": chance.choice(["LineString", "MultiPoint"]),
            "coordinates": line if way == "northbound" else line[::-1],
        },
    }


def feed(features: list[Any], version: str = "4.2") -> Document:
    return {
        "feed_info": {
            "publisher": "Caltrans District 7",
            "version": version,
            "update_date": "2026-11-03T11:59:00Z",
            "data_sources": [{"data_source_id": "d7", "organization_name": "Caltrans District 7"}],
        },
        "type": "FeatureCollection",
        "features": features,
    }


def _drop(*path: str) -> Callable[[Document], object]:
    def damage(feature: Document) -> object:
        part = feature
        for name in path[:-1]:
            part = part[name]
        return part.pop(path[-1])

    return damage


def _put(value: object, *path: str) -> Callable[[Document], object]:
    def damage(feature: Document) -> None:
        part = feature
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value

    return damage


DAMAGES: tuple[tuple[Callable[[Document], object], str], ...] = (
    (_drop("id"), "id"),
    (_put("", "id"), "id"),
    (_put(17, "id"), "id"),
    (_drop("geometry"), "geometry"),
    (_put(None, "geometry"), "geometry"),
    (_put("Polygon", "geometry", "type"), "geometry.type"),
    (_put([], "geometry", "coordinates"), "coordinates"),
    (_put([[34.02, -118.4], [34.03, -118.4]], "geometry", "coordinates"), "swapped"),
    (_put([["-118.4", "34.0"], ["-118.4", "34.1"]], "geometry", "coordinates"), "no position"),
    (_put([[-118.4, float("nan")], [-118.4, 34.1]], "geometry", "coordinates"), "off the globe"),
    (_drop("properties", "start_date"), "start_date"),
    (_put("2026-11-03 10:00", "properties", "start_date"), "start_date"),
    (_put("tomorrow", "properties", "end_date"), "end_date"),
    (_put("2001-01-01T00:00:00Z", "properties", "end_date"), "not after the start"),
    (_put(1762000000, "properties", "start_date"), "time as text"),
    (_put(None, "properties"), "properties"),
    (_drop("properties", "core_details"), "core_details"),
    (_put("upwards", "properties", "core_details", "direction"), "direction"),
    (_put([], "properties", "core_details", "road_names"), "road_names"),
    (_put("parade", "properties", "core_details", "event_type"), "event_type"),
    (_drop("properties", "vehicle_impact"), "vehicle_impact"),
    (_put("chaos", "properties", "vehicle_impact"), "vehicle_impact"),
    (_put("wz-0000", "id"), "appears twice"),
    (_put("Fixture", "type"), "type"),
)


@pytest.fixture(scope="session")
def make_work_zone() -> Callable[..., Document]:
    return work_zone


@pytest.fixture(scope="session")
def make_feed() -> Callable[..., Document]:
    return feed


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def damages() -> tuple[tuple[Callable[[Document], object], str], ...]:
    return DAMAGES


@pytest.fixture(scope="session")
def damaged_feed() -> tuple[Document, dict[int, str]]:
    """A thousand work zones, fifty of them damaged in every way there is; and what each reason must say, by place."""
    features: list[Any] = [work_zone(number) for number in range(1_000)]
    bad: dict[int, str] = {}
    for number, index in enumerate(random.Random(6).sample(range(1, 1_000), 50)):
        if number % 10 == 9:
            features[index], bad[index] = ("just text", "") if number % 20 == 9 else (None, "")
            continue
        damage, said = DAMAGES[number % len(DAMAGES)]
        features[index] = copy.deepcopy(features[index])
        damage(features[index])
        bad[index] = said
    return feed(features), bad
