"""A table of stations without coordinates as a network: freeways and postmiles are enough for neighbours."""

from datetime import timedelta
from math import nan
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from metrla.data.importing.freeways import freeway_and_direction
from metrla.data.importing.table import read_table
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.traffic.arrays import Floats
from shared.traffic.network import Network, Sensor
from shared.traffic.roadway import Roadway

COLUMNS = {
    "sensor_id": ("ID", "station", "station_id"),
    "freeway": ("fwy",),
    "direction": ("dir",),
    "postmile": ("Abs_PM", "absolute_postmile"),
    "lane_count": ("lanes",),
    "name": (),
    "type": ("lane_type", "station_type"),
    "length": (),
}
SECTION = "JOURNEY TIME SECTION"
"""A stretch of road whose travel time is measured; its postmile is that of its middle."""
MAINLINE = {"", "ML", "MAINLINE", SECTION}


def station_network(table: Path, network_id: str, time_zone: ZoneInfo, window: timedelta) -> Network:
    """The mainline stations of a PeMS station table, without positions (NaN) and without edges.

    Such a network serves computations along the road. It is not for a network folder, whose readers need positions.

    Raises:
        ConfigurationError: naming the table and what is wrong with it.
    """
    stations = read_table(table, COLUMNS, ("sensor_id", "freeway", "postmile"), ())
    sensors = []
    for number, row in enumerate(stations.rows):
        if row.get("type", "").upper() not in MAINLINE:
            continue
        try:
            freeway, direction = freeway_and_direction(row["freeway"], row.get("direction", ""))
        except ValueError as wrong:
            raise ConfigurationError(f"{table}, row {number + 1}: {wrong}") from wrong
        postmile, lanes = stations.number(number, "postmile"), stations.number(number, "lane_count")
        if not freeway or postmile is None:
            raise ConfigurationError(f"{table}, row {number + 1}: a station needs a freeway and a postmile")
        sensors.append(
            Sensor(
                sensor_id=SensorId(row["sensor_id"]),
                name=row.get("name") or row["sensor_id"],
                freeway=freeway,
                direction=direction,
                postmile=postmile,
                latitude=nan,
                longitude=nan,
                lane_count=int(lanes) if lanes else None,
            )
        )
    if not sensors:
        raise ConfigurationError(f"{table}: no mainline station")
    return Network(NetworkId(network_id), network_id, time_zone, tuple(sensors), window=window, reading_interval=window)


def half_sections(table: Path, road: Roadway) -> Floats:
    """Half the length, in miles, of the section that each sensor measures: (sensors,) in road order, 0 for places.

    Raises:
        ConfigurationError: see `station_network`.
    """
    stations = read_table(table, COLUMNS, ("sensor_id",), ())
    lengths = {
        row["sensor_id"]: stations.number(number, "length", least=0.0) or 0.0
        for number, row in enumerate(stations.rows)
        if row.get("type", "").upper() == SECTION
    }
    return np.array([lengths.get(sensor.sensor_id, 0.0) / 2 for sensor in road.sensors])
