"""What is clearly a time in a file is read as that time; whatever is not is refused in one line, or asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.files.times import TimeReading, read_times
from metrla.data.feeds.local_time import timed_steps
from metrla.data.feeds.replay import Replay
from metrla.data.feeds.speed_table import speed_table
from shared.events.errors import ConfigurationError
from tests.kit.networks import along, network_of

NETWORK = network_of(*along("I-1 N", ("1", "2")))  # its clock is that of Los Angeles
LOCAL = datetime(2012, 3, 1, 0, 0)  # noqa: DTZ001 - local
INSTANT = datetime(2012, 3, 1, 8, 0, tzinfo=UTC)


def read(path: Path, reading: TimeReading | None = None) -> list[datetime | None]:
    recording = open_readings(path, reading or TimeReading())
    found = [instant for instant, _ in timed_steps(recording, NETWORK)]
    replayed = [delivery.at for delivery in Replay(recording, NETWORK).deliveries()]
    assert replayed == [instant for instant in found if instant is not None], "every gate has the same times"
    if replayed:
        assert speed_table(recording, NETWORK).start == replayed[0]
    return found


def csv(folder: Path, *times: str) -> Path:
    path = folder / "x.csv"
    path.write_text("time,1,2\n" + "".join(f"{time},60,61\n" for time in times))
    return path


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2012-03-01 00:00", INSTANT),
        ("2012-03-01 00:00:00", INSTANT),
        ("2012-03-01T00:00:00.000", INSTANT),
        ("2012-03-01T00:00:00Z", datetime(2012, 3, 1, tzinfo=UTC)),
        ("2012-03-01t00:00:00z", datetime(2012, 3, 1, tzinfo=UTC)),
        ("2012-03-01 00:00:00+00:00", datetime(2012, 3, 1, tzinfo=UTC)),
        ("2012-03-01 00:00:00 +0000", datetime(2012, 3, 1, tzinfo=UTC)),
        ("2012-03-01T00:00:00-08:00", INSTANT),
        ("2012-03-01T05:30:00.000000000+05:30", datetime(2012, 3, 1, tzinfo=UTC)),
    ],
)
def test_an_iso_time_is_what_it_says(tmp_path: Path, text: str, instant: datetime) -> None:
    assert read(csv(tmp_path, text)) == [instant]


@pytest.mark.parametrize("suffix", [".parquet", ".h5"])
def test_a_table_that_knows_its_zone_is_read_in_it(tmp_path: Path, suffix: str) -> None:
    times = pd.date_range("2012-03-01", periods=3, freq="5min", tz="UTC")
    frame = pd.DataFrame({"1": 60.0, "2": 61.0}, index=times)
    path = tmp_path / f"x{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_hdf(path, key="df")
    step = timedelta(minutes=5)
    start = datetime(2012, 3, 1, tzinfo=UTC)
    assert read(path) == [start, start + step, start + 2 * step]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "row 2: the time is empty"),
        ("1", "numbers such as '1'.*--time-format epoch_s"),
        ("15400", "numbers"),
        ("1330588800", "numbers"),
        ("1330588800000", "numbers"),
        ("1.33e9", "numbers"),
        ("20120301", "numbers"),
        ("2012-03-01", "no times of ISO 8601.*--time-format"),
        ("03/01/2012 00:05", "no times of ISO 8601.*--time-format"),
        ("01.03.2012 00:05", "no times"),
        ("2012-03-01 00:05 PST", "no times"),
        ("2012-W10-4", "no times"),
        ("2012-02-30 00:05", "is no time"),
        ("2012-03-01 24:05", "is no time"),
        ("2012-03-01 00:05+30:00", "is no time"),
        ("1970-01-01 00:05", "not between 1980 and 2100"),
        ("0001-01-01 00:05", "not between 1980 and 2100"),
        ("9999-12-31 23:55", "not between 1980 and 2100"),
        ("2012-03-01 00:00", "is there twice"),
        ("2012-02-29 23:55", "go back from 2012-03-01 00:00:00 to 2012-02-29"),
        ("2012-03-01T00:05:00Z", "some of its times have an offset"),
        ("9" * 200_000, "numbers such as"),
        ("x" * 200_000, "no times"),
    ],
)
def test_whatever_is_not_clearly_a_time_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = csv(tmp_path, "2012-03-01 00:00", text)
    with pytest.raises(ConfigurationError, match=reason) as refused:
        read(path)
    said = str(refused.value)
    assert str(path) in said
    assert "\n" not in said
    assert len(said) < 500


def test_row_numbers_are_no_times_in_any_format(tmp_path: Path) -> None:
    frame = pd.DataFrame({"1": [60.0, 61.0], "2": 61.0})
    frame.to_csv(tmp_path / "x.csv")
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_hdf(tmp_path / "x.h5", key="df")
    for name in ("x.csv", "x.parquet", "x.h5"):
        with pytest.raises(ConfigurationError, match=r"no times|empty"):
            read(tmp_path / name)
        with pytest.raises(ConfigurationError, match=r"not between 1980 and 2100"):
            read(tmp_path / name, TimeReading("epoch_s"))


@pytest.mark.parametrize(
    ("text", "form", "zone", "instant"),
    [
        ("1330588800", "epoch_s", None, INSTANT),
        ("1330588800000", "epoch_ms", None, INSTANT),
        ("1330588800000000", "epoch_us", None, INSTANT),
        ("03/01/2012 00:00", "%m/%d/%Y %H:%M", None, INSTANT),
        ("01.03.2012 00:00:00", "%d.%m.%Y %H:%M:%S", None, INSTANT),
        ("03/01/2012 12:00 AM", "%m/%d/%Y %I:%M %p", None, INSTANT),
        ("2012-03-01 08:00", None, "UTC", INSTANT),
        ("2012-03-01 00:00", None, "Etc/GMT+8", INSTANT),
        ("01/Mar/2012:08:00:00 +0000", "%d/%b/%Y:%H:%M:%S %z", None, INSTANT),
    ],
)
def test_options_say_how_other_times_are_written(
    tmp_path: Path, text: str, form: str | None, zone: str | None, instant: datetime
) -> None:
    assert read(csv(tmp_path, text), TimeReading(form, ZoneInfo(zone) if zone else None)) == [instant]


@pytest.mark.parametrize("form", ["%m/%d/%Y", "%H:%M", "epoch", "", "%Y-%m-%d %I:%M", "%Y-%m-%d %H:%M %Z", "%Q", "%"])
def test_a_form_that_gives_no_whole_time_is_refused(form: str) -> None:
    with pytest.raises(ConfigurationError, match="--time-format"):
        TimeReading(form)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_pems_files_are_local_unless_said_otherwise(tmp_path: Path, zone: str | None) -> None:
    path = tmp_path / "d07_text_station_5min_2012_03_01.txt"
    path.write_text("03/01/2012 00:00:00,1,7,101,N,ML,.43,50,80,120,.0213,66.4\n")
    expected = INSTANT if zone is None else datetime(2012, 3, 1, tzinfo=UTC)
    recording = open_readings(path, TimeReading(zone=ZoneInfo(zone) if zone else None))
    assert [instant for instant, _ in timed_steps(recording, NETWORK)] == [expected]


def test_the_hour_that_comes_twice_may_be_there_twice(tmp_path: Path) -> None:
    twice = [f"2012-11-04 01:{minute:02}" for minute in range(0, 60, 5)]
    found = read(csv(tmp_path, "2012-11-04 00:55", *twice, *twice, "2012-11-04 02:00"))
    assert found == sorted(set(found), key=lambda each: each or datetime.min.replace(tzinfo=UTC))
    assert len(found) == 26


@contextmanager
def suppress_refusal() -> Iterator[None]:
    """What is refused is refused in one printable line."""
    said = None
    try:
        yield
    except ConfigurationError as refused:
        said = str(refused)
    assert said is None or (said.isprintable() and len(said) < 400)


FIRST, LAST = (datetime.fromisoformat(text) for text in ("1980-01-01", "2099-12-31"))


@given(st.datetimes(FIRST, LAST), st.sampled_from(["", "Z", "+05:30", "-0800", " +00"]))
def test_every_time_of_iso_8601_is_read_as_it_is(time: datetime, offset: str) -> None:
    (found,) = read_times(Path("x.csv"), [time.isoformat() + offset], TimeReading(), 1)
    assert found.replace(tzinfo=None) == time
    assert (found.tzinfo is None) is (offset == "")


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.none(), st.booleans(), st.binary(max_size=20)))
def test_any_other_cell_is_refused_in_one_line(cell: object) -> None:
    with suppress_refusal():
        (found,) = read_times(Path("x.csv"), [cell], TimeReading(), 1)
        assert 1980 <= found.year < 2100
