"""Read a sensor network from its folder: `network.toml`, `sensors.csv`, `edges.csv`.

network.toml    id, name, time_zone (IANA), window_minutes (5), reading_interval_seconds (one window),
                holidays (ISO 3166 as 'US-CA'; none)
sensors.csv     sensor_id, name, freeway, direction, postmile, latitude, longitude, road_type, lane_count
edges.csv       from, to, weight, metres (the last may be empty); the file may be missing
"""

import csv
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.events.text import composed
from shared.traffic.calendar import checked_holidays
from shared.traffic.network import Edge, Network, Sensor, on_globe

Row = TypeVar("Row")

EXAMPLE_NETWORK = Path(__file__).parent / "example"


def load_network(folder: Path) -> Network:
    """Read one network folder; raises `ConfigurationError` naming file, line and fault."""
    description = _read_toml(folder / "network.toml")
    try:
        window = timedelta(minutes=float(description.get("window_minutes", 5)))
        interval = description.get("reading_interval_seconds")
        return Network(
            network_id=NetworkId(composed(str(description["id"]))),
            name=str(description.get("name", description["id"])),
            time_zone=ZoneInfo(str(description["time_zone"])),
            sensors=tuple(_rows(folder / "sensors.csv", _sensor)),
            edges=tuple(_rows(folder / "edges.csv", _edge)) if (folder / "edges.csv").exists() else (),
            window=window,
            reading_interval=window if interval is None else timedelta(seconds=float(interval)),
            holidays=None if (code := description.get("holidays")) is None else checked_holidays(str(code)),
        )
    except KeyError as missing:
        raise ConfigurationError(f"{folder / 'network.toml'}: {missing} is missing") from missing
    except ZoneInfoNotFoundError as unknown:
        raise ConfigurationError(f"{folder / 'network.toml'}: {unknown.args[0]}") from unknown
    except (TypeError, ValueError) as wrong:
        raise ConfigurationError(f"{folder / 'network.toml'}: {wrong}") from wrong


def load_networks(folders: Sequence[Path]) -> Mapping[NetworkId, Network]:
    """Read several network folders, the example where there are none.

    Raises:
        ConfigurationError: one cannot be read, or an id is given twice.
    """
    networks: dict[NetworkId, Network] = {}
    for folder in folders or (EXAMPLE_NETWORK,):
        network = load_network(folder)
        if network.network_id in networks:
            raise ConfigurationError(f"{folder}: network {network.network_id} is given twice")
        networks[network.network_id] = network
    _refuse_same_names(networks.values())
    return networks


def _refuse_same_names(networks: Iterable[Network]) -> None:
    """Ids of alerts join those of network and sensor: 'la' with 'north-5' would have those of 'la-north' with '5'."""
    seen: dict[str, tuple[NetworkId, SensorId]] = {}
    for network in networks:
        for sensor in network.sensors:
            here = network.network_id, sensor.sensor_id
            other = seen.setdefault("-".join(here), here)
            if other != here:
                raise ConfigurationError(
                    f"networks {other[0]} and {here[0]} cannot be served together: sensor {other[1]} of the one and "
                    f"{here[1]} of the other would have alerts of the same ids; change the id of a network"
                )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise ConfigurationError(f"{path.parent}: no network folder ({path.name} is missing)") from missing
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as damaged:
        raise ConfigurationError(f"{path}: {damaged}") from damaged


def _rows(path: Path, parse: Callable[[dict[str, str]], Row]) -> Iterator[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            for row in (reader := csv.DictReader(lines)):
                try:
                    yield parse(row)
                except KeyError as missing:
                    raise ConfigurationError(f"{path}: column {missing} is missing") from missing
                except (TypeError, ValueError) as wrong:
                    raise ConfigurationError(f"{path}, line {reader.line_num}: {wrong}") from wrong
    except OSError as unreadable:
        raise ConfigurationError(f"{path}: {unreadable.strerror}") from unreadable


def _sensor(row: dict[str, str]) -> Sensor:
    lanes = row.get("lane_count")
    latitude, longitude = float(row["latitude"]), float(row["longitude"])
    if not on_globe(latitude, longitude):
        raise ValueError(f"sensor {row['sensor_id']} is off the globe at {latitude}, {longitude}")
    return Sensor(
        sensor_id=SensorId(composed(row["sensor_id"])),
        name=row.get("name") or row["sensor_id"],
        freeway=row["freeway"],
        direction=row["direction"],
        postmile=float(row["postmile"]),
        latitude=latitude,
        longitude=longitude,
        road_type=row.get("road_type") or "freeway",
        lane_count=int(lanes) if lanes else None,
    )


def _edge(row: dict[str, str]) -> Edge:
    metres = row.get("metres")
    return Edge(
        SensorId(composed(row["from"])),
        SensorId(composed(row["to"])),
        float(row["weight"]),
        float(metres) if metres else None,
    )
