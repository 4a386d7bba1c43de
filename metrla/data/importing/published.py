"""Published sensor and edge tables become a network."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from metrla.data.importing.freeways import CARRIAGEWAY_TYPES, freeway_and_direction
from metrla.data.importing.graph import Pair, gaussian_edges
from metrla.data.importing.postmiles import estimate_postmiles
from metrla.data.importing.table import Table, read_table
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.traffic.folder import MAX_LANES, MAX_METRES, MAX_POSTMILE
from shared.traffic.network import Edge, Network, Sensor, on_globe

SENSOR_COLUMNS = {
    "sensor_id": ("ID", "station", "station_id", "sid", "sensor"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "freeway": ("fwy", "road"),
    "direction": ("dir",),
    "postmile": ("Abs_PM", "absolute_postmile"),
    "lane_count": ("lanes",),
    "name": (),
    "type": ("lane_type", "station_type"),
    "road_type": (),
}
EDGE_COLUMNS = {
    "from": ("from_sensor", "source", "src"),
    "to": ("to_sensor", "target", "dst"),
    "weight": (),
    "metres": ("cost", "distance", "meters"),
}

CLEARLY_NEARER = 1.2


@dataclass(slots=True)
class ImportNotes:
    """What the user should know about an import."""

    left_out_types: Counter[str] = field(default_factory=Counter)
    without_position: int = 0
    estimated_postmiles: int = 0
    unknown_freeway: int = 0
    foreign_edges: int = 0


def import_network(
    sensors: Path,
    edges: Path,
    network_id: str,
    time_zone: ZoneInfo,
    name: str | None,
    reading_interval: timedelta,
    holidays: str | None = None,
    window: timedelta = timedelta(minutes=5),
) -> tuple[Network, ImportNotes]:
    """Read a network from the tables that METR-LA, PEMS-BAY or PeMS publish.

    Raises:
        ConfigurationError: naming the file and what is wrong with it.
    """
    notes = ImportNotes()
    found = _sensors(
        read_table(sensors, SENSOR_COLUMNS, ("sensor_id", "latitude", "longitude"), tuple(SENSOR_COLUMNS)), notes
    )
    links = _edges(edges, [sensor.sensor_id for sensor, _ in found], notes)
    network = Network(
        network_id=NetworkId(network_id),
        name=name or network_id,
        time_zone=time_zone,
        sensors=_with_postmiles(found, links, notes),
        edges=links,
        window=window,
        reading_interval=reading_interval,
        holidays=holidays,
    )
    return network, notes


def _sensors(table: Table, notes: ImportNotes) -> list[tuple[Sensor, bool]]:
    """Sensors in file order, each with whether its postmile is known."""
    found = []
    for number, row in enumerate(table.rows):
        kind = row.get("type", "").upper()
        if kind and kind not in CARRIAGEWAY_TYPES:
            notes.left_out_types[row["type"]] += 1
            continue
        latitude, longitude = table.number(number, "latitude"), table.number(number, "longitude")
        if latitude is None or longitude is None:
            notes.without_position += 1
            continue
        if not on_globe(latitude, longitude):
            raise ConfigurationError(f"{table.path}, row {number + 1}: {latitude}, {longitude} is off the globe")
        if not row["sensor_id"]:
            raise ConfigurationError(f"{table.path}, row {number + 1}: sensor_id is empty")
        try:
            freeway, direction = freeway_and_direction(row.get("freeway", ""), row.get("direction", ""))
        except ValueError as wrong:
            raise ConfigurationError(f"{table.path}, row {number + 1}: {wrong}") from wrong
        if not freeway:
            # One carriageway for all would make neighbours of sensors that no road connects.
            freeway, direction = f"unknown-{row['sensor_id']}", ""
            notes.unknown_freeway += 1
        postmile = table.number(number, "postmile", -MAX_POSTMILE, MAX_POSTMILE)
        lanes = table.number(number, "lane_count", 0, MAX_LANES)
        sensor = Sensor(
            sensor_id=SensorId(row["sensor_id"]),
            name=row.get("name") or row["sensor_id"],
            freeway=freeway,
            direction=direction,
            postmile=postmile or 0.0,
            latitude=latitude,
            longitude=longitude,
            road_type=row.get("road_type") or CARRIAGEWAY_TYPES.get(kind, "freeway"),
            lane_count=int(lanes) if lanes else None,
        )
        found.append((sensor, postmile is not None))
    return found


def _with_postmiles(
    found: Sequence[tuple[Sensor, bool]], edges: Sequence[Edge], notes: ImportNotes
) -> tuple[Sensor, ...]:
    """A freeway with a gap in its postmiles is estimated as a whole: two scales would not fit together."""
    freeways: dict[str, list[int]] = defaultdict(list)
    for row, (sensor, _) in enumerate(found):
        freeways[sensor.freeway].append(row)
    sensors = [sensor for sensor, _ in found]
    downstream = _downstream(edges)
    for rows in freeways.values():
        if all(found[row][1] for row in rows):
            continue
        directions: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            directions[sensors[row].direction].append(row)
        miles = estimate_postmiles(
            {
                toward: [(sensors[row].latitude, sensors[row].longitude) for row in along]
                for toward, along in directions.items()
            },
            {
                toward: [
                    (start, end)
                    for start, one in enumerate(along)
                    for end, other in enumerate(along)
                    if (sensors[one].sensor_id, sensors[other].sensor_id) in downstream
                ]
                for toward, along in directions.items()
            },
        )
        for toward, along in directions.items():
            for row, mile in zip(along, miles[toward], strict=True):
                sensors[row] = replace(sensors[row], postmile=round(mile, 3))
        if not sensors[rows[0]].freeway.startswith("unknown-"):
            notes.estimated_postmiles += len(rows)
    return tuple(sensors)


def _downstream(edges: Sequence[Edge]) -> set[Pair]:
    """Pairs whose way there is clearly shorter than the way back: on one carriageway, the way that traffic goes."""
    weights = {(edge.from_sensor, edge.to_sensor): edge.weight for edge in edges}
    return {
        (start, end)
        for (start, end), weight in weights.items()
        if weight > CLEARLY_NEARER * weights.get((end, start), 0.0)
    }


def _edges(path: Path, order: Sequence[SensorId], notes: ImportNotes) -> tuple[Edge, ...]:
    table = read_table(path, EDGE_COLUMNS, ("from", "to"), ("from", "to", "metres"))
    if not table.columns & {"weight", "metres"}:
        raise ConfigurationError(f"{path}: neither a column weight nor one of metres, cost, distance")
    known = set(order)
    weights: dict[Pair, float] = {}
    metres: dict[Pair, float] = {}
    for number, row in enumerate(table.rows):
        pair = SensorId(row["from"]), SensorId(row["to"])
        if not known.issuperset(pair):
            notes.foreign_edges += 1
            continue
        for values, column, most in ((weights, "weight", 1.0), (metres, "metres", MAX_METRES)):
            if (value := table.number(number, column, 0.0, most)) is not None:
                values[pair] = value
    if not weights and not metres:
        raise ConfigurationError(f"{path}: none of its {len(table.rows)} edges lies between sensors of the network")
    if not weights:
        return gaussian_edges(metres, order)
    return tuple(Edge(*pair, weight, metres.get(pair)) for pair, weight in weights.items() if pair[0] != pair[1])
