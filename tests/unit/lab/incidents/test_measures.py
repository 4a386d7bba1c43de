"""What detectors are shown of recorded files."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from metrla.lab.incidents.measures import Measures, read_measures
from shared.events.errors import ConfigurationError
from tests.kit.networks import along, network_of

NETWORK = network_of(*along("I-5 N", ["a", "b"]), network_id="n")
MIDNIGHT = datetime(2025, 7, 7)  # noqa: DTZ001 - files of this kind are on the local clock
SECONDS = 20


def written(folder: Path, name: str, rows: list[tuple[float, float]], seconds: int = SECONDS) -> None:
    """A wide table of readings every so many seconds."""
    times = (MIDNIGHT + number * timedelta(seconds=seconds) for number in range(len(rows)))
    lines = [f"{at:%Y-%m-%d %H:%M:%S},{a},{b}" for at, (a, b) in zip(times, rows, strict=True)]
    (folder / f"{name}.csv").write_text("\n".join(["timestamp,a,b", *lines]) + "\n")


def test_all_readings_of_a_window_count(tmp_path: Path) -> None:
    """Once the first of them won: 65 and then fourteen times 5 mph was 65."""
    written(tmp_path, "speed", [(65.0, 30.0), *[(5.0, 40.0)] * 14])
    written(tmp_path, "flow", [(10.0, 2.0)] * 15)
    written(tmp_path, "occupancy", [(0.1, 0.2), *[(0.4, 0.2)] * 14])
    read = read_measures(tmp_path, NETWORK)
    assert read.speed_mph[0] == pytest.approx([(65 + 14 * 5) / 15, (30 + 14 * 40) / 15])
    assert read.volume[0] == pytest.approx([150.0, 30.0])
    assert read.occupancy[0] == pytest.approx([(0.1 + 14 * 0.4) / 15, 0.2])
    assert np.isnan(read.speed_mph[1:]).all()


def test_a_reading_out_of_range_does_not_spoil_those_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "speed", [(400.0, 400.0), (60.0, 400.0), (50.0, -1.0)])
    read = read_measures(tmp_path, NETWORK)
    assert read.speed_mph[0, 0] == pytest.approx(55.0)
    assert np.isnan(read.speed_mph[0, 1])


def with_occupancy(folder: Path, values: list[tuple[float, float]]) -> Measures:
    written(folder, "speed", [(60.0, 50.0)] * len(values), 300)
    written(folder, "occupancy", values, 300)
    return read_measures(folder, NETWORK)


def test_occupancy_in_percent_is_recognised(tmp_path: Path) -> None:
    read = with_occupancy(tmp_path, [(4.5, 12.0), (0.6, 90.0)])
    assert read.occupancy[:2].tolist() == [[0.045, 0.12], [0.006, 0.9]]


def test_occupancy_in_no_known_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither a share"):
        with_occupancy(tmp_path, [(450.0, 120.0), (60.0, 900.0)])


def test_a_stray_value_beyond_one_is_no_other_unit(tmp_path: Path) -> None:
    read = with_occupancy(tmp_path, [(0.05, 0.1)] * 199 + [(3.0, 0.1)])
    assert read.occupancy[:199, 0] == pytest.approx(0.05)
    assert np.isnan(read.occupancy[199, 0])
