"""Writes a network into its folder, so that `load_network` reads the same network back."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network
from shared.traffic.network import Network

SENSOR_COLUMNS = (
    *("sensor_id", "name", "freeway", "direction", "postmile"),
    *("latitude", "longitude", "road_type", "lane_count"),
)


def write_network(network: Network, folder: Path) -> None:
    """Write `network.toml`, `sensors.csv` and `edges.csv`.

    Raises:
        ConfigurationError: the folder cannot be written, or no loader would take it, in which case nothing is written.
    """
    with TemporaryDirectory(prefix="metrla-network-") as rehearsal:
        _write(network, Path(rehearsal))
        try:
            load_network(Path(rehearsal))
        except ConfigurationError as unsound:
            raise ConfigurationError(str(unsound).replace(rehearsal, str(folder))) from unsound
    _write(network, folder)


def _write(network: Network, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_rows(
            folder / "sensors.csv",
            SENSOR_COLUMNS,
            (
                (
                    *(sensor.sensor_id, sensor.name, sensor.freeway, sensor.direction, f"{sensor.postmile:g}"),
                    *(sensor.latitude, sensor.longitude, sensor.road_type, sensor.lane_count or ""),
                )
                for sensor in network.sensors
            ),
        )
        _write_rows(
            folder / "edges.csv",
            ("from", "to", "weight", "metres"),
            (
                (
                    edge.from_sensor,
                    edge.to_sensor,
                    f"{edge.weight:.6g}",
                    "" if edge.metres is None else f"{edge.metres:g}",
                )
                for edge in network.edges
            ),
        )
        holidays = "" if network.holidays is None else f"holidays = {json.dumps(network.holidays)}\n"
        # Last, since a folder without it is not a network folder: an interrupted import leaves none.
        (folder / "network.toml").write_text(
            f"id = {json.dumps(network.network_id)}\n"
            f"name = {json.dumps(network.name)}\n"
            f"time_zone = {json.dumps(network.time_zone.key)}\n"
            f"window_minutes = {network.window.total_seconds() / 60:g}\n"
            f"reading_interval_seconds = {network.reading_interval.total_seconds():g}\n"
            f"{holidays}",
            encoding="utf-8",
        )
    except OSError as unwritable:
        raise ConfigurationError(f"{folder}: {unwritable.strerror}") from unwritable


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
