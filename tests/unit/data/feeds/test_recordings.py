import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.files.times import TimeReading
from metrla.data.feeds.replay import Missing, Replay
from metrla.data.feeds.speed_table import speed_table
from metrla.data.feeds.step_length import step_length
from metrla.lab.forecasting.recording import read_recording
from metrla.lab.incidents.measures import read_measures
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.network import Network
from tests.kit.networks import along, network_of

SENSORS = ("773869", "767541", "767542")
FIRST = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)  # midnight in Los Angeles


def network(*names: str) -> Network:
    return network_of(*along("I-1 N", names))


def table(rows: int = 4, start: str = "2012-05-02 00:00") -> pd.DataFrame:
    speeds = np.arange(rows * 3, dtype="float64").reshape(rows, 3) + 50
    speeds[1, 1] = 0.0
    speeds[2, 2] = np.nan
    return pd.DataFrame(speeds, index=pd.date_range(start, periods=rows, freq="5min"), columns=list(SENSORS))


def write(frame: pd.DataFrame, path: Path, key: str = "df") -> Path:
    if path.suffix == ".h5":
        frame.to_hdf(path, key=key)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path)
    return path


def events(replay: Replay) -> list[TrafficEvent]:
    return [event for delivery in replay.deliveries() for event in delivery.events]


@pytest.mark.parametrize("name", ["x.h5", "x.csv", "x.csv.gz", "x.parquet"])
def test_every_form_of_a_wide_table_gives_the_same_events(tmp_path: Path, name: str) -> None:
    recording = open_readings(write(table(), tmp_path / name))
    assert list(recording.sensor_ids()) == list(SENSORS)
    assert recording.extent() == (datetime(2012, 5, 2, 0, 0), datetime(2012, 5, 2, 0, 15))  # noqa: DTZ001 - local
    replay = Replay(recording, network(*SENSORS))
    sent = events(replay)
    assert len(sent) == 10
    assert (replay.counts.read, replay.counts.missing) == (12, 2)
    assert sent[0] == TrafficEvent("773869@2012-05-02T07:00:00Z", NetworkId("test"), SensorId("773869"), FIRST, 50.0)
    assert {event.speed_mph for event in sent} == {float(value) for value in range(50, 62)} - {54.0, 58.0}
    assert events(replay) == sent, "a recording can be read again"


@pytest.mark.parametrize("key", ["df", "speed", "anything"])
def test_any_single_table_of_an_hdf5_file(tmp_path: Path, key: str) -> None:
    assert len(events(Replay(open_readings(write(table(), tmp_path / "x.h5", key)), network(*SENSORS)))) == 10


def test_an_hdf5_file_with_several_tables_needs_a_known_name(tmp_path: Path) -> None:
    path = write(table(), tmp_path / "x.h5", "first")
    write(table(), path, "second")
    with pytest.raises(ConfigurationError, match="none is df or speed"):
        open_readings(path).sensor_ids()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_integer_column_names_and_a_named_time_column(tmp_path: Path, suffix: str) -> None:
    frame = table()
    frame.columns = [str(name) for name in SENSORS]
    frame.index.name = "timestamp"
    assert len(events(Replay(open_readings(write(frame, tmp_path / f"x{suffix}")), network(*SENSORS)))) == 10


def test_more_rows_than_a_chunk(tmp_path: Path) -> None:
    for suffix in (".csv", ".parquet", ".h5"):
        recording = open_readings(write(table(5000), tmp_path / f"x{suffix}"))
        times = [step.time for step in recording.steps()]
        assert len(times) == 5000
        assert times == sorted(set(times))
        assert recording.extent() == (times[0], times[-1])


def test_missing_readings_can_be_marked(tmp_path: Path) -> None:
    replay = Replay(open_readings(write(table(), tmp_path / "x.csv")), network(*SENSORS), missing=Missing.MARK)
    sent = events(replay)
    assert len(sent) == 12
    assert [event.speed_mph for event in sent].count(None) == 2
    assert not any(event.speed_mph == 0 for event in sent)


def test_a_part_of_a_file(tmp_path: Path) -> None:
    step = timedelta(minutes=5)
    recording = open_readings(write(table(), tmp_path / "x.csv"))
    replay = Replay(recording, network(*SENSORS), FIRST + step, FIRST + 3 * step)
    assert {event.timestamp for event in events(replay)} == {FIRST + step, FIRST + 2 * step}
    assert replay.extent() == (FIRST + step, FIRST + 3 * step)
    with pytest.raises(ConfigurationError, match=r"nothing to replay.*2012-05-02T07:00"):
        Replay(recording, network(*SENSORS), FIRST + timedelta(days=1)).extent()


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    recording = open_readings(write(table(), tmp_path / "x.csv"))
    with pytest.raises(ConfigurationError, match="none of its 3 sensors"):
        Replay(recording, network("1", "2"))
    with pytest.raises(ConfigurationError, match=r"2 of its 3 sensors are not.*767541, 767542; --skip-unknown"):
        Replay(recording, network("773869"))
    replay = Replay(recording, network("773869"), skip_unknown=True)
    assert len(events(replay)) == 4
    assert replay.counts.unknown_sensor == 8


def test_the_skipped_hour_is_left_out_and_counted(tmp_path: Path) -> None:
    frame = table(24, "2012-03-11 01:30")
    replay = Replay(open_readings(write(frame, tmp_path / "x.csv")), network(*SENSORS))
    times = sorted({event.timestamp for event in events(replay)})
    assert times[0] == datetime(2012, 3, 11, 9, 30, tzinfo=UTC)
    assert times[-1] == datetime(2012, 3, 11, 10, 25, tzinfo=UTC)
    assert len(times) == 12
    assert replay.counts.skipped_hour == 36


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.csv", "", "No columns"),
        ("x.csv", "time,1\nnever,2\n", "no times"),
        ("x.csv", "time,1\n2012-01-01 00:00,fast\n", "fast"),
        ("x.parquet", "no parquet", "x.parquet"),
        ("x.h5", "no hdf5", "x.h5"),
        ("x.txt", "not,a,pems,file", "not a PeMS"),
        ("x.xlsx", "", "not one of"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=reason) as refusal:
        list(Replay(open_readings(path), network("1")).deliveries())
    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        open_readings(tmp_path / "x.csv")


PEMS_ROWS = """\
05/02/2012 00:00:00,717445,7,101,N,ML,.43,50,80,120,.0213,66.4,10,30,.02,67,1
05/02/2012 00:00:00,717446,7,101,S,ML,.5,50,0,,,,10,,,,0
05/02/2012 00:00:00,799999,7,101,S,OR,,50,100,12,,,10,,,,0
05/02/2012 00:05:00,717445,7,101,N,ML,.43,50,100,90,.0190,65.0,10,30,.02,67,1
05/02/2012 00:05:00,717446,7,101,S,ML,.5,50,100,100,.5,0.0,10,,,,0
05/02/2012 00:05:00,799999,7,101,S,OR,,50,100,15,,,10,,,,0
"""


@pytest.mark.parametrize("name", ["d07_text_station_5min_2012_05_02.txt", "d07_text_station_5min_2012_05_02.txt.gz"])
def test_pems_station_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(PEMS_ROWS.encode()) if name.endswith(".gz") else PEMS_ROWS.encode())
    recording = open_readings(path)
    assert list(recording.sensor_ids()) == ["717445", "717446", "799999"]
    assert recording.extent() == (datetime(2012, 5, 2, 0, 0), datetime(2012, 5, 2, 0, 5))  # noqa: DTZ001 - local
    replay = Replay(recording, network("717445", "717446"), skip_unknown=True)
    first, second, third = events(replay)
    assert first == TrafficEvent(
        "717445@2012-05-02T07:00:00Z", NetworkId("test"), SensorId("717445"), FIRST, 66.4, 120.0, 0.0213, 0.8
    )
    assert second.timestamp == third.timestamp == FIRST + timedelta(minutes=5)
    assert third.speed_mph == 0.0, "in PeMS files zero is a speed"
    assert (replay.counts.read, replay.counts.missing, replay.counts.unknown_sensor) == (4, 1, 2)


def test_a_table_for_training(tmp_path: Path) -> None:
    recording = open_readings(write(table().drop(index=[pd.Timestamp("2012-05-02 00:10")]), tmp_path / "x.csv"))
    found = speed_table(recording, network("767542", "9", "773869"), skip_unknown=True)
    assert (found.start, found.skipped_windows) == (FIRST, 0)
    nan = float("nan")
    expected = [[52, nan, 50], [55, nan, 53], [nan, nan, nan], [61, nan, 59]]
    assert np.array_equal(found.speed_mph, np.array(expected, dtype="float32"), equal_nan=True)


def test_what_ingest_rejects_is_no_truth_in_training(tmp_path: Path) -> None:
    """A table with -1, 999 and infinity trains as one in which those values are missing, and says how many."""
    frame = table(8)
    spoilt = frame.copy()
    for row, value in enumerate((-1.0, 999.0, np.inf, 120.5, -0.001)):
        spoilt.iloc[row + 3, 0], frame.iloc[row + 3, 0] = value, np.nan
    clean, found = (
        read_recording(write(each, tmp_path / name), network(*SENSORS))
        for name, each in (("clean.csv", frame), ("spoilt.csv", spoilt))
    )
    assert np.array_equal(found.speed_mph, clean.speed_mph, equal_nan=True)
    assert clean.left_out == ""
    assert found.left_out.startswith("5 of 22 readings (22.7%) left out: 5 out of range")
    replay = Replay(open_readings(tmp_path / "spoilt.csv"), network(*SENSORS))
    events(replay)
    assert replay.counts.out_of_range == 5, "ingest will reject as many"


def test_readings_that_are_closer_than_windows_are_averaged_and_that_is_said(tmp_path: Path) -> None:
    frame = table(15)
    frame.index = pd.date_range("2012-05-02 00:00", periods=15, freq="1min")
    found = read_recording(write(frame, tmp_path / "x.csv"), network(*SENSORS))
    means = frame.replace(0.0, np.nan).resample("5min").mean()
    assert np.allclose(found.speed_mph, means.to_numpy())
    assert list(found.notes) == ["x.csv: a reading every 1 min, of which windows of 5 min are the means"]
    assert Replay(open_readings(tmp_path / "x.csv"), network(*SENSORS)).resampled == found.resampled


@pytest.mark.parametrize("suffix", [".csv", ".h5", ".parquet"])
def test_readings_that_are_further_apart_than_windows_are_refused(tmp_path: Path, suffix: str) -> None:
    frame = table(8)
    frame.index = pd.date_range("2012-05-02 00:00", periods=8, freq="15min")
    path = write(frame, tmp_path / f"x{suffix}")
    for reads in (
        lambda: read_recording(path, network(*SENSORS)),
        lambda: Replay(open_readings(path), network(*SENSORS)),
        lambda: read_measures(path, network(*SENSORS)),
    ):
        with pytest.raises(ConfigurationError, match=r"15 min apart, and windows .* last 5 min"):
            reads()


def test_gaps_do_not_change_how_far_apart_readings_are(tmp_path: Path) -> None:
    frame = table(600, "2012-11-03 12:00")
    kept = frame.drop(index=frame.index[range(3, 600, 3)])
    assert step_length(open_readings(write(kept, tmp_path / "x.csv"))) == timedelta(minutes=5)


def test_detectors_read_times_of_another_zone(tmp_path: Path) -> None:
    path = write(table(12, "2012-05-02 07:00"), tmp_path / "x.csv")
    utc, local = (read_measures(path, network(*SENSORS), TimeReading(zone=zone)) for zone in (ZoneInfo("UTC"), None))
    assert (int(np.argmax(np.isfinite(utc.speed_mph[:, 0]))), int(np.argmax(np.isfinite(local.speed_mph[:, 0])))) == (
        0,
        84,
    )


def test_imputed_values_of_pems_are_no_truth_in_training(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(
        PEMS_ROWS.replace("50,100,90,.0190", "50,49,90,.0190").replace("50,100,100,.5,0.0", "50,100,100,1.5,30.0")
    )
    found = speed_table(open_readings(path), network("717445", "717446"), skip_unknown=True)
    assert np.array_equal(
        found.speed_mph, np.array([[66.4, np.nan], [np.nan, np.nan]], dtype="float32"), equal_nan=True
    )
    assert (found.left_out.readings, found.left_out.out_of_range, found.left_out.imputed) == (3, 1, 1)


def test_a_file_without_any_truth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("time,773869\n2012-05-02 00:00,-1\n2012-05-02 00:05,-1\n")
    with pytest.raises(ConfigurationError, match=r"no speed to learn from; 2 of 2 readings"):
        speed_table(open_readings(path), network("773869"))


def test_a_time_that_is_decades_off_is_no_reason_to_run_out_of_memory(tmp_path: Path) -> None:
    path, many = tmp_path / "x.csv", tuple(map(str, range(100)))
    row = ",60" * len(many)
    path.write_text(f"time,{','.join(many)}\n1985-05-02 00:00{row}\n2085-05-02 00:05{row}\n")
    with pytest.raises(ConfigurationError, match="is one of its times wrong"):
        speed_table(open_readings(path), network(*many))
    with pytest.raises(ConfigurationError, match="is one of its times wrong"):
        read_measures(path, network(*many))
