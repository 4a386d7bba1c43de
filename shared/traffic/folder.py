"""Read a sensor network from its folder, and say what is wrong with one.

network.toml    id, name, time_zone (IANA), window_minutes (5; 1 to 60, a day is a whole number of them),
                reading_interval_seconds (one window), holidays (ISO 3166 as 'US-CA'; none)
sensors.csv     sensor_id, name, freeway, direction (N, E, S, W; NB, north and the like are understood; empty where it
                is not known), postmile, latitude, longitude, road_type, lane_count
edges.csv       from, to, weight, metres (the last may be empty); the file may be missing

All are UTF-8, with or without a byte order mark.
"""

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.events.text import (
    MAX_ID_CHARACTERS,
    MAX_NETWORK_ID_BYTES,
    composed,
    fault_of,
    one_line,
    percent_encoded_bytes,
    quoted,
)
from shared.events.zones import read_zone
from shared.traffic.calendar import checked_holidays
from shared.traffic.directions import direction_of
from shared.traffic.network import Edge, Network, Sensor, on_globe
from shared.traffic.text_file import read_text

EXAMPLE_NETWORK = Path(__file__).parent / "example"

KEYS = ("id", "name", "time_zone", "window_minutes", "reading_interval_seconds", "holidays")
SENSOR_COLUMNS = ("sensor_id", "freeway", "direction", "postmile", "latitude", "longitude")
MORE_SENSOR_COLUMNS = ("name", "road_type", "lane_count")
EDGE_COLUMNS = ("from", "to", "weight")
MORE_EDGE_COLUMNS = ("metres",)
MIN_WINDOW_MINUTES, MAX_WINDOW_MINUTES, DAY_MINUTES = 1, 60, 1440
MAX_POSTMILE = 10_000.0
"""Miles; no road is longer."""
MAX_METRES = 1e8
MAX_LANES = 30
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
WHOLE = re.compile(r"\d{1,4}(?:\.0+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class NetworkCheck:
    """What a network folder holds.

    Attributes:
        network: the network; `None` where anything is wrong.
        faults: what is wrong, each in one line with its file and, where it has one, its line.
        notes: what is read past, in the same form.
    """

    network: Network | None
    faults: Sequence[str]
    notes: Sequence[str]


def load_network(folder: Path) -> Network:
    """Read one network folder; raises `ConfigurationError` naming file, line and fault."""
    found = check_network(folder)
    if found.network is not None:
        return found.network
    more = f" (and {len(found.faults) - 1} more: metrla network check {folder})" if len(found.faults) > 1 else ""
    raise ConfigurationError(found.faults[0] + more)


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


def check_network(folder: Path) -> NetworkCheck:
    """Read one network folder and say all that is wrong with it; never raises for what it holds."""
    read = _Reading()
    if not (folder / "network.toml").is_file():
        return NetworkCheck(None, [f"{folder}: no network folder (network.toml is missing)"], [])
    described = read.description(folder / "network.toml")
    sensors = read.sensors(folder / "sensors.csv")
    edges = read.edges(folder / "edges.csv", {sensor.sensor_id for sensor in sensors})
    network = None
    if not read.faults:
        try:
            network = Network(sensors=tuple(sensors), edges=tuple(edges), **described)
        except ConfigurationError as wrong:
            read.faults.append(f"{folder}: {one_line(wrong)}")
    return NetworkCheck(network, read.faults, read.notes)


@dataclass(slots=True)
class _Reading:
    """Reads the three files, and collects what is wrong with them."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def description(self, path: Path) -> dict[str, Any]:
        """The arguments of `Network` that the file gives; those that are wrong are left out."""
        try:
            told = tomllib.loads(read_text(path))
        except ConfigurationError as unreadable:
            self.faults.append(str(unreadable))
            return {}
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as damaged:
            self.faults.append(f"{path}: {one_line(damaged)}")
            return {}
        for key in told.keys() - set(KEYS):
            self.faults.append(f"{path}: unknown key {quoted(key)}{_suggestion(key, KEYS)}")
        found: dict[str, Any] = {}
        for name, parse in (("id", _network_id), ("name", _text), ("time_zone", _zone), ("holidays", _holidays)):
            if name in told:
                self._take(found, name, lambda parse=parse, value=told[name]: parse(value), path)
            elif name in {"id", "time_zone"}:
                self.faults.append(f"{path}: {name} is missing")
        self._take(found, "window_minutes", lambda: _window(told.get("window_minutes", 5)), path)
        window = found.get("window_minutes", timedelta(minutes=MAX_WINDOW_MINUTES))
        interval = told.get("reading_interval_seconds", window.total_seconds())
        self._take(found, "reading_interval_seconds", lambda: _interval(interval, window), path)
        names = {"id": "network_id", "window_minutes": "window", "reading_interval_seconds": "reading_interval"}
        described = {names.get(key, key): value for key, value in found.items()}
        return {"name": described.get("network_id"), **described}

    def sensors(self, path: Path) -> list[Sensor]:
        """The sensors; those with a fault are left out."""
        sensors, lines = list[Sensor](), dict[str, int]()
        for line, row in self._rows(path, SENSOR_COLUMNS, MORE_SENSOR_COLUMNS):
            try:
                sensor = _sensor(row)
            except ValueError as wrong:
                self.faults.append(f"{path}, line {line}: {one_line(wrong)}")
                continue
            if (first := lines.setdefault(sensor.sensor_id, line)) != line:
                self.faults.append(
                    f"{path}, line {line}: sensor {quoted(sensor.sensor_id)} is given twice, as in line {first}"
                )
            sensors.append(sensor)
        if not sensors and not self.faults:
            self.faults.append(f"{path}: no sensors")
        return sensors

    def edges(self, path: Path, known: set[SensorId]) -> list[Edge]:
        """The edges; those with a fault are left out."""
        if not path.exists():
            return []
        edges, lines = list[Edge](), dict[tuple[str, str], int]()
        sound = not self.faults
        for line, row in self._rows(path, EDGE_COLUMNS, MORE_EDGE_COLUMNS):
            try:
                # Where sensors are wrong, edges to them are no further fault.
                edge = _edge(row, known if sound else None)
            except ValueError as wrong:
                self.faults.append(f"{path}, line {line}: {one_line(wrong)}")
                continue
            pair = edge.from_sensor, edge.to_sensor
            if (first := lines.setdefault(pair, line)) != line:
                self.faults.append(f"{path}, line {line}: the edge {quoted(pair)} is given twice, as in line {first}")
            edges.append(edge)
        return edges

    def _take(self, found: dict[str, Any], name: str, parse: Any, path: Path) -> None:  # noqa: ANN401 - a value of any type
        try:
            found[name] = parse()
        except (ValueError, ConfigurationError) as wrong:
            self.faults.append(
                f"{path}: {name} {one_line(wrong)}" if isinstance(wrong, ValueError) else f"{path}: {wrong}"
            )

    def _rows(self, path: Path, required: Sequence[str], more: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows by column name, each with its line; those of another length are faults."""
        try:
            text = read_text(path)
        except ConfigurationError as unreadable:
            self.faults.append(str(unreadable))
            return
        reader = csv.reader(StringIO(text, newline=""))
        try:
            header = [name.strip() for name in next(reader, [])]
            if fault := self._header_fault(path, header, required, more):
                self.faults.append(f"{path}: {fault}")
                return
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    self.faults.append(f"{path}, line {reader.line_num}: {len(cells)} cells, but {len(header)} columns")
                    continue
                yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        except csv.Error as wrong:
            self.faults.append(f"{path}, line {reader.line_num}: {one_line(wrong)}")

    def _header_fault(
        self, path: Path, header: Sequence[str], required: Sequence[str], more: Sequence[str]
    ) -> str | None:
        if not any(header):
            return "the file is empty"
        for name in header:
            if header.count(name) > 1:
                return f"column {quoted(name)} is there twice"
        known = (*required, *more)
        missing = [name for name in required if name not in header]
        if len(header) == 1 and missing:
            return f"columns are to be separated by commas: {', '.join(known)}"
        for name in header:
            if name not in known:
                likely = _suggestion(name, [column for column in known if column not in header])
                if likely:
                    return f"unknown column {quoted(name)}{likely}"
                self.notes.append(f"{path}: column {quoted(name)} is not read")
        return f"column {', '.join(missing)} is missing" if missing else None


def _suggestion(name: str, known: Sequence[str]) -> str:
    plain = {each.replace("_", ""): each for each in known}
    close = get_close_matches(name[:60].lower().replace("_", "").replace(" ", ""), list(plain), n=1, cutoff=0.7)
    return f"; did you mean {plain[close[0]]}?" if close else ""


def _text(value: object) -> str:
    return _line(value, MAX_ID_CHARACTERS)


def _line(value: object, most: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{quoted(value)} is to be text, in quotes")  # noqa: TRY004 - a fault of the file
    if not value.strip():
        raise ValueError("is empty")
    if value != value.strip():
        raise ValueError(f"{quoted(value)} begins or ends with a space")
    if fault := fault_of(value, most):
        raise ValueError(f"{quoted(value)} {fault}")
    return composed(value)


def _network_id(value: object) -> NetworkId:
    text = _text(value)
    if percent_encoded_bytes(text) > MAX_NETWORK_ID_BYTES:
        raise ValueError(f"{quoted(text)} is longer than {MAX_NETWORK_ID_BYTES} bytes, percent-encoded")
    return NetworkId(text)


def _zone(value: object) -> ZoneInfo:
    text = _text(value)
    try:
        return read_zone(text)
    except ValueError as unknown:
        raise ValueError(f"{quoted(text)} {unknown}") from unknown


def _holidays(value: object) -> str:
    return checked_holidays(_text(value))


def _quantity(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{quoted(value)} is not a number")  # noqa: TRY004 - a fault of the file
    return float(value) if abs(value) < 1e9 else float("inf")  # noqa: PLR2004 - no length of time is


def _window(value: object) -> timedelta:
    minutes = _quantity(value)
    if not MIN_WINDOW_MINUTES <= minutes <= MAX_WINDOW_MINUTES or DAY_MINUTES % minutes:
        raise ValueError(
            f"{quoted(value)}: a window lasts {MIN_WINDOW_MINUTES} to {MAX_WINDOW_MINUTES} whole minutes, and a day is "
            "a whole number of windows"
        )
    if minutes != int(minutes):
        raise ValueError(f"{quoted(value)} is no whole number of minutes")
    return timedelta(minutes=minutes)


def _interval(value: object, window: timedelta) -> timedelta:
    seconds = _quantity(value)
    if not 0 < seconds <= window.total_seconds():
        raise ValueError(f"{quoted(value)}: readings every {quoted(value)} s do not fit windows of {window}")
    interval = timedelta(seconds=seconds)
    if not interval:
        raise ValueError(f"{quoted(value)} is too short")
    return interval


def _number(row: Mapping[str, str], column: str, least: float, most: float) -> float:
    text = row[column]
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{column} {quoted(text)} is not a number" if text else f"{column} is empty")
    value = float(text)
    if not least <= value <= most:
        raise ValueError(f"{column} {quoted(text)} is not within {least:g} to {most:g}")
    return value


def _word(row: Mapping[str, str], column: str) -> str:
    try:
        return _text(row[column])
    except ValueError as wrong:
        raise ValueError(f"{column} {wrong}") from wrong


def _sensor(row: Mapping[str, str]) -> Sensor:
    sensor_id = SensorId(_word(row, "sensor_id"))
    latitude, longitude = (_number(row, name, -1e9, 1e9) for name in ("latitude", "longitude"))
    if not on_globe(latitude, longitude):
        raise ValueError(f"sensor {sensor_id} is off the globe at {latitude}, {longitude}")
    toward = row["direction"]
    direction = direction_of(toward) if toward else ""
    if direction is None:
        raise ValueError(f"direction {quoted(toward)} is not N, E, S or W (nor NB, north, northbound and the like)")
    lanes = row.get("lane_count")
    if lanes and not (WHOLE.fullmatch(lanes) and 0 < float(lanes) <= MAX_LANES):
        raise ValueError(f"lane_count {quoted(lanes)} is not a whole number from 1 to {MAX_LANES}")
    return Sensor(
        sensor_id=sensor_id,
        name=_word(row, "name") if row.get("name") else sensor_id,
        freeway=_word(row, "freeway"),
        direction=direction,
        postmile=_number(row, "postmile", -MAX_POSTMILE, MAX_POSTMILE),
        latitude=latitude,
        longitude=longitude,
        road_type=_word(row, "road_type") if row.get("road_type") else "freeway",
        lane_count=int(float(lanes)) if lanes else None,
    )


def _edge(row: Mapping[str, str], known: set[SensorId] | None) -> Edge:
    ends = SensorId(_word(row, "from")), SensorId(_word(row, "to"))
    if known is not None and (foreign := {*ends} - known):
        raise ValueError(f"edge names unknown sensor {quoted(min(foreign))}")
    return Edge(
        *ends,
        _number(row, "weight", 0.0, 1.0),
        _number(row, "metres", 0.0, MAX_METRES) if row.get("metres") else None,
    )
