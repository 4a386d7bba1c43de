"""Whatever a file of readings holds: it is read, or refused in one line that names it. Nothing else comes out."""

import gzip
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.replay import Missing, Replay
from metrla.data.feeds.speed_table import speed_table
from metrla.lab.incidents.measures import read_measures
from shared.events.errors import ConfigurationError
from tests.kit.networks import along, network_of

NETWORK = network_of(*along("I-1 N", ("1", "2", "3")))
TIMES = pd.date_range("2012-05-02", periods=6, freq="5min")
SPEEDS = pd.DataFrame({"1": [60.0, 0, None, 61, 62, 63], "2": 55.5, "3": [-1.0, 999, 60, 60, 60, 60]}, index=TIMES)
WIDE = SPEEDS.to_csv().encode()
PEMS = "".join(
    f"05/02/2012 00:{minute:02}:00,{station},4,101,N,ML,.445,50,{observed},88,.0129,{speed},10,15,.0143,72.9,0\r\n"
    for minute in range(0, 30, 5)
    for station, observed, speed in (("1", 80, 70), ("2", 0, 66.1), ("3", 100, ""))
).encode()
SAMPLES = {
    "x.csv": WIDE,
    "x.csv.gz": gzip.compress(WIDE, mtime=0),
    "x.txt": PEMS,
    "x.txt.gz": gzip.compress(PEMS, mtime=0),
}
PIECES = (
    *(b"", b",", b"\n", b"\r", b'"', b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"\x1b[2J", b"nan", b"inf", b"-1"),
    *(
        b"999",
        b"1e308",
        b"1e999",
        b"True",
        b"Z",
        b"2012-05-02 00:05:00Z",
        b"9" * 5000,
        b"\t",
        b";",
        b"\xf0\x9f\x9a\x97",
    ),
)


def outcome(path: Path) -> str:
    """What every gate says of a file: the refusal, or '' where it is read."""
    said = set()
    for gate in (
        lambda: open_readings(path).sensor_ids(),
        lambda: Replay(open_readings(path), NETWORK, skip_unknown=True).extent(),
        lambda: list(Replay(open_readings(path), NETWORK, missing=Missing.MARK, skip_unknown=True).deliveries()),
        lambda: speed_table(open_readings(path), NETWORK, skip_unknown=True),
        lambda: read_measures(path, NETWORK),
    ):
        try:
            gate()
        except ConfigurationError as refused:
            said.add(str(refused))
    for line in said:
        if str(path) not in line or not line.isprintable() or len(line) > 700:
            pytest.fail(f"not one line that names the file: {line!r}")
    return "; ".join(said)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES) | st.binary(max_size=8)), max_size=4
    ),
    cut=st.floats(0, 1) | st.just(1.0),
)
def test_mutated_files_are_read_or_refused(
    tmp_path: Path, name: str, changes: list[tuple[float, int, bytes]], cut: float
) -> None:
    content = SAMPLES[name]
    for where, replaced, piece in changes:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + replaced :]
    path = tmp_path / name
    path.write_bytes(content[: int(cut * len(content))])
    outcome(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["x.csv", "x.txt", "x.csv.gz", "x.txt.gz", "x.parquet", "x.h5", "x.hdf5"]), st.binary(max_size=300)
)
def test_arbitrary_bytes_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    outcome(path)


@pytest.mark.parametrize("suffix", [".parquet", ".h5"])
def test_damaged_binary_tables_are_read_or_refused(tmp_path: Path, suffix: str) -> None:
    path, rng = tmp_path / f"x{suffix}", random.Random(7)
    SPEEDS.to_parquet(path) if suffix == ".parquet" else SPEEDS.to_hdf(path, key="df")
    whole = path.read_bytes()
    for _ in range(6 if suffix == ".h5" else 25):  # each HDF5 file costs a process
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged))))]))
        outcome(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.txt", b"", "x.txt"),
        ("x.txt.gz", b"", "x.txt.gz"),
        ("x.csv.gz", b"time,1\n", "gzip"),
        ("x.csv", b"time,1,1\n2012-05-02 00:00,60,61\n", "there twice: '1'"),
        ("x.csv", b"time,1,\n2012-05-02 00:00,60,61\n", "column 3 has no name"),
        ("x.csv", b"time,1\n2012-05-02 00:00,60,61\n", "row 1: 3 cells, but 2 columns"),
        ("x.csv", b"time,1,2\n2012-05-02 00:00,60,61\n\n2012-05-02 00:05,6", "row 2: 2 cells, but 3 columns"),
        ("x.csv", b'time,1,2\n"2012-05-02 00:00",60,"6,1",2\n', "row 1: 4 cells, but 3 columns"),
        ("x.csv", b'time,1,2\n2012-05-02 00:00,60,"61\n2012-05-02 00:05,60,61\n', "EOF inside"),
        ("x.csv", b"time,1\n2012-05-02 00:00,6_0\n", "'6_0', which is no speed"),
        ("x.csv", "time,1\n2012-05-02 00:00,\uff16\uff10\n".encode(), "which is no speed"),
        ("x.csv", b"time,1\n2012-05-02 00:00,inf\n", "no speed to learn from"),
        ("x.csv", b"time,1\n2012-05-02 00:00,1e999\n", "no speed to learn from"),
        ("x.csv", b"PK\x03\x04" + bytes(40), "a zip file"),
        ("x.csv", gzip.compress(b"time,1\n", mtime=0), "compressed with gzip"),
        ("x.csv", "time,1\n2012-05-02 00:00,60\n".encode("utf-16-le"), "UTF-16"),
        ("x.csv.gz", gzip.compress(gzip.compress(b"time,1\n", mtime=0), mtime=0), "compressed with gzip"),
        ("x.txt", gzip.compress(PEMS, mtime=0), "compressed with gzip"),
        ("x.txt", PEMS[:-40], "row 18: .* cells"),
        ("x.txt", PEMS.replace(b",", b";"), "1 cells"),
        ("x.csv", b"time\t1\t2\n2012-05-02 00:00\t60\t61\n", "by commas, not by tabs"),
        ("x.csv", b"time\n2012-05-02 00:00\n", "no column of a sensor"),
        ("x.csv", b"time;1;2\n2012-05-02 00:00;60;61\n", "by commas, not by semicolons"),
        ("x.csv", b"time,1\n", "no rows"),
        ("x.csv", b"time,1\n2012-05-02 00:00,True\n", "which is no speed"),
        ("x.csv", "zeit,1,caf\u00e9\n2012-05-02 00:00,60,61\n".encode("latin-1"), "not UTF-8.*Latin-1"),
        ("x.csv", "time,1\n2012-05-02 00:00,60\n".encode("utf-16"), "UTF-16"),
        ("x.csv", b"time,1\n2012-05-02 00:00," + b"6" * 200_000 + b"\n", "no speed to learn from"),
        ("x.txt", PEMS.replace(b",N,ML,", b",0,1,"), "row 1 has no direction"),
        ("x.txt", PEMS.replace(b",ML,", b",,"), "no lane type"),
        ("x.txt", PEMS.replace(b"05/02/2012 00:05:00,2,", b",2,"), "row 5: the time is empty"),
        ("x.txt", PEMS.replace(b"00:05:00,2,", b"00:05:00,,"), "row 5 has no station"),
        ("x.txt", PEMS.replace(b"00:05:00,2,", b"00:05:00,1,"), "station 1 is there twice"),
        ("x.txt", PEMS + PEMS, "go back"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=reason):
        raise ConfigurationError(outcome(path))


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf" + WIDE)
    assert not outcome(path)
    assert list(open_readings(path).sensor_ids()) == ["1", "2", "3"]
