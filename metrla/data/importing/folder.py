"""Writes a network into its folder, so that `load_network` reads the same network back."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.events.errors import ConfigurationError
from shared.runtime.output_file import output_file
from shared.traffic.folder import check_network
from shared.traffic.network import Network

DESCRIPTION = "network.toml"
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
        faults = check_network(Path(rehearsal)).faults
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        first = faults[0].replace(f"{rehearsal}/", "").replace(rehearsal, "it")
        raise ConfigurationError(f"what they hold is no network, so {folder} was not written: {first}{more}")
    _write(network, folder)


def require_place(folder: Path, *, replace: bool) -> None:
    """Raise `ConfigurationError` where a network cannot be written: only an old one is replaced, and nothing else.

    Args:
        folder: where it is to be written.
        replace: in place of a network folder that is there already.
    """
    if (folder / DESCRIPTION).exists():
        if not replace:
            raise ConfigurationError(f"{folder}: a network folder exists already; --force replaces it")
    elif folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder}: there are other files in it, and no network: name a folder of its own")


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
        holidays = "" if network.holidays is None else f"holidays = {_toml(network.holidays)}\n"
        # Last, since a folder without it is not a network folder: an interrupted import leaves none.
        with output_file(folder / DESCRIPTION) as file:
            file.write(
                f"id = {_toml(network.network_id)}\n"
                f"name = {_toml(network.name)}\n"
                f"time_zone = {_toml(network.time_zone.key)}\n"
                f"window_minutes = {network.window.total_seconds() / 60:g}\n"
                f"reading_interval_seconds = {network.reading_interval.total_seconds():g}\n"
                f"{holidays}"
            )
    except OSError as unwritable:
        raise ConfigurationError(f"{folder}: {unwritable.strerror}") from unwritable


def _toml(text: str) -> str:
    """A string of TOML: as of JSON, but for characters beyond U+FFFF, which it does not escape as pairs."""
    return json.dumps(text, ensure_ascii=False)


def _write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with output_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
