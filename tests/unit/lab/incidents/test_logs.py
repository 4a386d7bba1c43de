"""What a log of incidents gives, and what is said of the rest of it."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from metrla.lab.incidents.logs import read_log
from metrla.lab.incidents.measures import Measures
from shared.events.errors import ConfigurationError
from shared.traffic.roadway import roadway
from tests.kit.networks import UTC_ZONE, along, network_of

MONDAY = datetime(2022, 1, 3)  # noqa: DTZ001 - local, as measures have it
ROAD = roadway(network_of(*along("SR-55 N", ["a", "b"]), *along("I-5 S", ["c"]), network_id="n", time_zone=UTC_ZONE))
PER_DAY = timedelta(days=1) // ROAD.network.window


def measures(days: int = 2) -> Measures:
    speed = np.full((days * PER_DAY, 3), 60.0)
    day, slot = np.divmod(np.arange(days * PER_DAY), PER_DAY)
    return Measures(ROAD, MONDAY, speed, speed, speed, day, slot, np.zeros(days, np.bool_))


def written(folder: Path, *rows: str) -> Path:
    path = folder / "log.csv"
    path.write_text("\n".join(["Start Time,Duration (mins),Freeway,Abs PM,Description", *rows]) + "\n")
    return path


@pytest.mark.parametrize("freeway", ["SR55-N", "SR-55 -N", "sr 55 n", "SR-55 NB", "State Route 55 North", "55-N"])
def test_usual_spellings_are_one_carriageway(tmp_path: Path, freeway: str) -> None:
    (row,) = read_log(written(tmp_path, f"01-03-22 10:00,5,{freeway},1.2,x"), measures()).rows
    assert (row.road_name, row.start_minutes, row.row) == ("SR-55 N", 600.0, 1)


def test_what_is_left_out_is_counted_with_its_reason(tmp_path: Path) -> None:
    """Once such rows were dropped in silence."""
    log = read_log(
        written(
            tmp_path,
            "01-03-22 10:00,5,SR55-N,1.2,used",
            "01-03-22 11:00,-7,I5-S,1.2,used",
            "01-03-22 12:00,0,I5-S,1.2,used",
            "01-03-22 10:00,5,SR99-N,1.2,elsewhere",
            "01-04-22 10:00,5,SR99-N,1.2,elsewhere",
            "01-03-22 10:00,5,SR55-N,,nowhere",
            "01-09-22 10:00,5,SR55-N,1.2,later",
        ),
        measures(),
    )
    assert [row.duration_minutes for row in log.rows] == [5.0, None, 0.0]
    assert log.notes == (
        "left out: 2 of 7 rows on a carriageway that the network does not have ('SR99-N')",
        "left out: 1 of 7 rows without a freeway or a postmile",
        "left out: 1 of 7 rows before or after the speeds",
        "rows with a negative duration, which is taken for unknown: 1",
        "rows with a duration of zero: 1",
    )


def test_a_log_of_another_year_is_refused(tmp_path: Path) -> None:
    """Once it was a detection rate of 0 %."""
    with pytest.raises(ConfigurationError, match="of 2021-01-03 to 2021-01-05, the speeds are of 2022-01-03 to 2022-0"):
        read_log(written(tmp_path, "01-03-21 10:00,5,SR55-N,1.2,x", "01-05-21 10:00,5,SR55-N,1.2,x"), measures())


def test_a_log_of_other_roads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no row that can be used.*does not have \('A1-N'\)"):
        read_log(written(tmp_path, "01-03-22 10:00,5,A1-N,1.2,x"), measures())


def test_a_spreadsheet_is_refused_as_one(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    path.write_bytes(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00" + bytes(16) + b"[Content_Types].xml")
    with pytest.raises(ConfigurationError, match="a spreadsheet: save its sheet as CSV"):
        read_log(path, measures())


def test_gaps_of_the_speeds_are_told() -> None:
    gappy = measures()
    gappy.speed_mph[30:60] = np.nan
    gappy.speed_mph[100:104] = np.nan
    gappy.speed_mph[:, 2] = np.nan
    assert gappy.gaps() == [
        "no sensor has a speed once, for 2.5 h at the longest, from 2022-01-03 02:30",
        "1 of 3 sensors have no speed at all",
    ]
    assert measures().gaps() == []
