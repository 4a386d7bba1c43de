"""A network folder is read rightly, or each thing that is wrong with it is said in a line; nothing else comes out."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.errors import ConfigurationError
from shared.traffic.folder import EXAMPLE_NETWORK, check_network, load_network
from shared.traffic.text_file import read_small_file

TOML = 'id = "tiny"\ntime_zone = "America/Los_Angeles"\n'
SENSORS = (
    "sensor_id,name,freeway,direction,postmile,latitude,longitude,road_type,lane_count\n"
    "1,One,I-5,N,1.5,34.0,-118.2,freeway,4\n2,Two,I-5,N,2.5,34.01,-118.2,,\n"
)
EDGES = "from,to,weight,metres\n1,2,0.5,1600\n2,1,0.25,\n"


def write(folder: Path, toml: str | bytes = TOML, sensors: str | bytes = SENSORS, edges: str | bytes = EDGES) -> Path:
    for name, content in (("network.toml", toml), ("sensors.csv", sensors), ("edges.csv", edges)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def faults(folder: Path) -> list[str]:
    """What is wrong, which loaders say as well: the first of it, in one line."""
    found = check_network(folder)
    if found.network is None:
        with pytest.raises(ConfigurationError) as refused:
            load_network(folder)
        assert str(refused.value).startswith(found.faults[0])
        assert all(line.isprintable() and len(line) < 700 for line in (*found.faults, str(refused.value)))
        assert all(str(folder) in line for line in found.faults)
    else:
        assert not found.faults
        assert load_network(folder) == found.network
    return list(found.faults)


def test_a_sound_folder_and_the_example_have_no_faults(tmp_path: Path) -> None:
    assert faults(write(tmp_path)) == faults(EXAMPLE_NETWORK) == []
    network = load_network(tmp_path)
    assert (network.name, network.window, network.reading_interval) == ("tiny", *[timedelta(minutes=5)] * 2)


def test_byte_order_marks_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    marked = [b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for text in (TOML, SENSORS, EDGES)]
    assert faults(write(tmp_path, *marked)) == []
    assert load_network(tmp_path).index.keys() == {"1", "2"}


@pytest.mark.parametrize("direction", ["S", "s", "SB", "sb", "South", "southbound", "S/B"])
def test_a_direction_may_be_written_in_several_ways(tmp_path: Path, direction: str) -> None:
    assert faults(write(tmp_path, sensors=SENSORS.replace(",N,", f",{direction},"))) == []
    (road,) = load_network(tmp_path).carriageways.values()
    assert [sensor.sensor_id for sensor in road] == ["2", "1"], "upstream comes first, southbound too"


@pytest.mark.parametrize("minutes", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 15.0, 48])
def test_windows_of_1_to_60_minutes(tmp_path: Path, minutes: float) -> None:
    assert faults(write(tmp_path, f"{TOML}window_minutes = {minutes}\n")) == []
    assert load_network(tmp_path).window == load_network(tmp_path).reading_interval == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        (TOML + "windw_minutes = 15\n", "unknown key 'windw_minutes'; did you mean window_minutes?"),
        (TOML + "timezone = 'UTC'\n", "unknown key 'timezone'; did you mean time_zone?"),
        (TOML + "colour = 'red'\n", "unknown key 'colour'"),
        (TOML + "[network]\nid = 'x'\n", "unknown key 'network'"),
        *((f"{TOML}window_minutes = {value}\n", "window_minutes") for value in (0, -5, 7, 61, 2.5, 1440, "nan", "inf")),
        *((f"{TOML}window_minutes = {value}\n", "window_minutes") for value in ("true", "'5'", "[5]", "1979-05-27")),
        (TOML + "reading_interval_seconds = 0\n", "reading_interval_seconds"),
        (TOML + "reading_interval_seconds = 301\n", "do not fit windows"),
        (TOML + "reading_interval_seconds = nan\n", "reading_interval_seconds"),
        (TOML + "reading_interval_seconds = 1e-9\n", "too short"),
        ('id = "x"\n', "time_zone is missing"),
        ('time_zone = "UTC"\n', "id is missing"),
        ('id = ""\ntime_zone = "UTC"\n', "id is empty"),
        ('id = 7\ntime_zone = "UTC"\n', "id 7 is to be text"),
        ('id = " x"\ntime_zone = "UTC"\n', "begins or ends with a space"),
        ('id = "a\\u0000b"\ntime_zone = "UTC"\n', "not printable"),
        (f'id = "{"x" * 300}"\ntime_zone = "UTC"\n', "id"),
        ('id = "x"\ntime_zone = "Los_Angeles"\n', "did you mean America/Los_Angeles?"),
        ('id = "x"\ntime_zone = "America"\n', "not an IANA time zone"),
        ('id = "x"\ntime_zone = "../../etc/passwd"\n', "not an IANA time zone"),
        ('id = "x"\ntime_zone = "PST"\n', "not an IANA time zone .*; did you mean America/Los_Angeles?"),
        ('id = "x"\ntime_zone = -8\n', "to be text"),
        (TOML + 'holidays = "US-XX"\n', "holidays"),
        (TOML + "holidays = 1\n", "holidays"),
        ("id = \n", "network.toml"),
        ("x = " + "[" * 5000, "network.toml"),
        ('id = "caf\u00e9"\n'.encode("latin-1"), "not UTF-8.*Latin-1"),
        ((TOML).encode("utf-16"), "UTF-16"),
        (b"\x00" * 10, "network.toml"),
    ],
)
def test_what_is_wrong_with_the_description_is_said(tmp_path: Path, toml: str | bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason.replace("?", r"\?")):
        raise ConfigurationError("; ".join(faults(write(tmp_path, toml))))


HEADER = "sensor_id,name,freeway,direction,postmile,latitude,longitude\n"


@pytest.mark.parametrize(
    ("sensors", "reason"),
    [
        ("", "the file is empty"),
        (HEADER, "no sensors"),
        (SENSORS.replace("direction", "directon"), "unknown column 'directon'; did you mean direction"),
        (SENSORS.replace("lane_count", "lane_cnt"), "unknown column 'lane_cnt'; did you mean lane_count"),
        (SENSORS.replace(",", ";"), "separated by commas"),
        (HEADER.replace("name", "freeway") + "1,x,I-5,N,1,34,-118\n", "column 'freeway' is there twice"),
        ("sensor_id\n1\n", "separated by commas"),
        (HEADER + "1,x,I-5,X,1,34,-118\n", "line 2: direction 'X' is not N, E, S or W"),
        (HEADER + "1,x,I-5,both,1,34,-118\n", "line 2: direction"),
        (HEADER + "1,x,I-5,N,nan,34,-118\n", "line 2: postmile 'nan' is not a number"),
        (HEADER + "1,x,I-5,N,inf,34,-118\n", "line 2: postmile"),
        (HEADER + "1,x,I-5,N,1e308,34,-118\n", "line 2: postmile"),
        (HEADER + "1,x,I-5,N,,34,-118\n", "line 2: postmile is empty"),
        (HEADER + "1,x,I-5,N,1,nan,-118\n", "line 2: latitude"),
        (HEADER + "1,x,I-5,N,1,34,200\n", "off the globe"),
        (HEADER + "1,x,,N,1,34,-118\n", "line 2: freeway is empty"),
        (HEADER + ",x,I-5,N,1,34,-118\n", "line 2: sensor_id is empty"),
        (
            HEADER + "1,x,I-5,N,1,34,-118\n2,x,I-5,N,1,34,-118\n1,x,I-5,N,2,34,-118\n",
            "line 4: sensor '1' is given twice",
        ),
        (HEADER + "1,x,I-5,N,1,34,-118,more\n", "line 2: 8 cells, but 7 columns"),
        (HEADER + "1,x,I-5,N\n", "line 2: 4 cells, but 7 columns"),
        (SENSORS.replace(",4\n", ",four\n"), "lane_count 'four'"),
        (SENSORS.replace(",4\n", ",-1\n"), "lane_count '-1'"),
        (SENSORS.replace(",4\n", ",\u0664\n"), "lane_count"),
        (SENSORS.replace("1.5", "1_5"), "postmile '1_5' is not a number"),
        (SENSORS.replace("One", "a\u202eb"), "name.*not printable"),
        (SENSORS.replace("One", "x" * 200_000), "line"),
        (SENSORS.replace("One", "caf\u00e9").encode("latin-1"), "not UTF-8.*Latin-1"),
    ],
)
def test_what_is_wrong_with_the_sensors_is_said(tmp_path: Path, sensors: str | bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        raise ConfigurationError("; ".join(faults(write(tmp_path, sensors=sensors, edges=b"from,to,weight\n"))))


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        ("from,to\n1,2\n", "column weight is missing"),
        ("from,to,weight\n1,9,0.5\n", "line 2: edge names unknown sensor '9'"),
        ("from,to,weight\n1,2,nan\n", "line 2: weight"),
        ("from,to,weight\n1,2,1.5\n", "weight '1.5' is not within 0 to 1"),
        ("from,to,weight\n1,2,-0.5\n", "weight '-0.5' is not within"),
        ("from,to,weight\n1,2,\n", "weight is empty"),
        ("from,to,weight\n1,2,0.5\n1,2,0.6\n", "line 3: the edge .* is given twice, as in line 2"),
        ("from,to,weight,meters\n1,2,0.5,7\n", "unknown column 'meters'; did you mean metres"),
        ("from,to,weight,metres\n1,2,0.5,-7\n", "metres"),
    ],
)
def test_what_is_wrong_with_the_edges_is_said(tmp_path: Path, edges: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        raise ConfigurationError("; ".join(faults(write(tmp_path, edges=edges))))


def test_all_faults_are_told_at_once_and_loaders_say_how_many_more(tmp_path: Path) -> None:
    folder = write(tmp_path, TOML + "windw_minutes = 1\nname = 7\n", SENSORS.replace(",N,", ",Q,"))
    assert len(faults(folder)) == 4
    with pytest.raises(ConfigurationError, match=r"and 3 more: metrla network check"):
        load_network(folder)


PIECES = st.sampled_from(
    [
        b"",
        b",",
        b"\n",
        b'"',
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff",
        b"nan",
        b"-1",
        b"1e999",
        b"[",
        b"=",
        b"9" * 400,
        b"\x1b[2J",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 2),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES | st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_mutated_folders_are_read_or_refused(
    tmp_path: Path, which: int, changes: list[tuple[float, int, bytes]]
) -> None:
    files = [TOML.encode(), SENSORS.encode(), EDGES.encode()]
    for where, replaced, piece in changes:
        at = int(where * len(files[which]))
        files[which] = files[which][:at] + piece + files[which][at + replaced :]
    faults(write(tmp_path, *files))


@pytest.mark.parametrize(
    "code", ["__class__", "US-", "-CA", "Registry", "registry", "us", "country_holidays", "US-CA-1"]
)
def test_holidays_are_looked_up_by_codes_alone(tmp_path: Path, code: str) -> None:
    (fault,) = faults(write(tmp_path, toml=f'{TOML}holidays = "{code}"\n'))
    assert "network.toml" in fault
    assert "holidays" in fault
    assert "US-CA" in fault


@pytest.mark.parametrize("name", ["network.toml", "sensors.csv", "edges.csv"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert any(fault.startswith(str(tmp_path)) for fault in faults(tmp_path))
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert any(fault.startswith(str(tmp_path)) for fault in faults(tmp_path))


def test_a_file_is_not_read_beyond_what_it_may_hold(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"123")
    assert read_small_file(tmp_path / "x", 3) == b"123"
    with pytest.raises(ConfigurationError, match="larger"):
        read_small_file(tmp_path / "x", 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04", "a zip file"),
        (b"\x1f\x8b\x08", "gzip"),
        (SENSORS.encode("utf-16"), "UTF-16"),
        (SENSORS.encode("utf-16-be"), "UTF-16"),
        (SENSORS.encode("latin-1") + b"\xe9", "Latin-1"),
        (b"PAR1", "Parquet"),
    ],
)
def test_what_a_file_is_instead_of_text_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    assert any(reason in fault for fault in faults(write(tmp_path, sensors=content)))
