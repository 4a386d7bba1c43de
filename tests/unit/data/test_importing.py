from datetime import timedelta
from itertools import pairwise
from math import exp, sqrt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrla.data.importing.folder import write_network
from metrla.data.importing.freeways import freeway_and_direction
from metrla.data.importing.graph import gaussian_edges
from metrla.data.importing.postmiles import estimate_postmiles
from metrla.data.importing.published import ImportNotes, import_network
from shared.events.errors import ConfigurationError
from shared.events.records import SensorId
from shared.traffic.folder import load_network
from shared.traffic.network import Network

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
FIVE_MINUTES = timedelta(minutes=5)
EDGES = "from,to,cost\n1,1,0\n1,2,1000\n2,3,3000\n9,1,5\n"


def imported(folder: Path, sensors: str, edges: str = EDGES) -> tuple[Network, ImportNotes]:
    (folder / "sensors.csv").write_text(sensors)
    (folder / "edges.csv").write_text(edges)
    return import_network(folder / "sensors.csv", folder / "edges.csv", "x", LOS_ANGELES, None, FIVE_MINUTES)


@pytest.mark.parametrize(
    ("freeway", "direction", "expected"),
    [
        ("SR134-E", "", ("SR-134", "E")),
        ("US101-N", "", ("US-101", "N")),
        ("I5-S", "", ("I-5", "S")),
        ("I-405 NB", "", ("I-405", "N")),
        ("101", "N", ("US-101", "N")),
        ("405", "S", ("I-405", "S")),
        ("134", "e", ("SR-134", "E")),
        ("880-N", "", ("I-880", "N")),
        ("17", "NB", ("SR-17", "N")),
        ("SR-55 -N", "", ("SR-55", "N")),
        ("SR - 55 N", "", ("SR-55", "N")),
        ("sr55-n", "", ("SR-55", "N")),
        ("State Route 55 Northbound", "", ("SR-55", "N")),
        ("Interstate 5 South", "", ("I-5", "S")),
        ("Hwy 101 N/B", "", ("US-101", "N")),
        ("CA-22 EB", "", ("SR-22", "E")),
        ("I-35W", "", ("I-35W", "")),
        ("M60-CW", "", ("M60-CW", "")),
        ("Arroyo Seco Parkway", "N", ("Arroyo Seco Parkway", "N")),
        ("", "", ("", "")),
    ],
)
def test_freeway_names(freeway: str, direction: str, expected: tuple[str, str]) -> None:
    assert freeway_and_direction(freeway, direction) == expected


@pytest.mark.parametrize(
    "sensors",
    [
        "index,sensor_id,latitude,longitude\n0,1,34.0,-118.0\n1,2,34.1,-118.1\n2,3,34.2,-118.2\n",
        "1,34.0,-118.0\n2,34.1,-118.1\n3,34.2,-118.2\n",
    ],
    ids=["with a header", "without one"],
)
def test_dcrnn_locations_have_no_freeways(tmp_path: Path, sensors: str) -> None:
    network, notes = imported(tmp_path, sensors)
    assert [sensor.sensor_id for sensor in network.sensors] == ["1", "2", "3"]
    assert network.sensors[2].latitude == 34.2
    assert len(network.carriageways) == 3
    assert (notes.unknown_freeway, notes.estimated_postmiles, notes.foreign_edges) == (3, 0, 1)


def test_pems_station_metadata(tmp_path: Path) -> None:
    network, notes = imported(
        tmp_path,
        "ID\tFwy\tDir\tDistrict\tCounty\tCity\tState_PM\tAbs_PM\tLatitude\tLongitude\tLength\tType\tLanes\tName\tUser_ID_1\n"
        "1\t101\tN\t7\t37\t\t4.2\t4.35\t34.07\t-118.26\t.5\tML\t4\tALVARADO\tx\n"
        "2\t101\tN\t7\t37\t\t5.2\t5.35\t34.08\t-118.28\t.5\tHV\t1\tVERMONT\tx\n"
        "3\t101\tS\t7\t37\t\t6.2\t6.35\t\t\t.5\tML\t4\tNOWHERE\tx\n"
        "4\t101\tN\t7\t37\t\t6.2\t6.35\t34.09\t-118.29\t\tOR\t2\tSUNSET\tx\n",
        "1,2,1800.5\n",
    )
    first, second = network.sensors
    assert (first.road_name, first.postmile, first.lane_count, first.name) == ("US-101 N", 4.35, 4, "ALVARADO")
    assert second.road_type == "hov"
    assert (dict(notes.left_out_types), notes.without_position, notes.estimated_postmiles) == ({"OR": 1}, 1, 0)


def test_directions_in_the_freeway_and_estimated_postmiles(tmp_path: Path) -> None:
    network, notes = imported(
        tmp_path,
        "sensor_id,freeway,latitude,longitude\n1,I5-N,34.02,-118.2\n2,I5-N,34.00,-118.2\n3,I5-S,34.01,-118.2\n",
        "from_sensor,to_sensor,weight\n1,2,0.25\n2,1,0.5\n1,1,1\n",
    )
    assert [s.sensor_id for s in network.carriageways["I-5 N"]] == ["2", "1"]
    assert network[SensorId("3")].postmile == pytest.approx(network[SensorId("1")].postmile / 2, rel=0.01)
    assert [(edge.from_sensor, edge.weight) for edge in network.edges] == [("1", 0.25), ("2", 0.5)]
    assert notes.estimated_postmiles == 3


@pytest.mark.parametrize(
    ("sensors", "edges", "reason"),
    [
        ("sensor_id,lat\n1,34\n", EDGES, r"no column longitude \(or lon, lng, long\). It has: sensor_id, lat"),
        ("sensor_id,lat,lon\n1,north,-118\n", EDGES, "row 1: latitude 'north' is not a number"),
        ("sensor_id,lat,lon\n1,134,-118\n", EDGES, "off the globe"),
        ("sensor_id,lat,lon\n1,34,-118\n1,34,-118\n", "1,1,0\n1,1,2", "is given twice"),
        ("sensor_id,lat,lon\n1,34,-118\n", "from,to\n1,1\n", "neither a column weight"),
        ("sensor_id,lat,lon\n7,34,-118\n", EDGES, "none of its 4 edges"),
        ("", EDGES, "the file is empty"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, sensors: str, edges: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        imported(tmp_path, sensors, edges)


def test_the_kernel_is_dcrnns() -> None:
    one, two, three = SensorId("1"), SensorId("2"), SensorId("3")
    metres = {(one, one): 0.0, (one, two): 1000.0, (two, three): 3000.0, (one, three): 9000.0}
    spread = sqrt(sum((d - 3250) ** 2 for d in metres.values()) / 4)
    edges = gaussian_edges(metres, [one, two, three])
    assert [(edge.from_sensor, edge.to_sensor, edge.metres) for edge in edges] == [
        (one, two, 1000.0),
        (two, three, 3000.0),
    ]
    assert edges[1].weight == pytest.approx(exp(-((3000 / spread) ** 2)))


@given(
    st.lists(st.floats(0.0, 10.0), min_size=2, max_size=25, unique_by=lambda mile: round(mile, 2)),
    st.sampled_from(["N", "E"]),
    st.randoms(use_true_random=False),
)
def test_a_straight_road_gets_its_miles_back(miles: list[float], toward: str, rng) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - Hypothesis' own Random
    degrees = 1 / 69.0934
    points = [
        (34.0 + (mile * degrees if toward == "N" else 0), -118.0 + (0 if toward == "N" else mile * 0.02))
        for mile in miles
    ]
    rng.shuffle(points)
    estimated = estimate_postmiles({toward: points})[toward]
    axis = 0 if toward == "N" else 1
    order = sorted(range(len(points)), key=lambda row: points[row][axis])
    assert sorted(range(len(points)), key=lambda row: estimated[row]) == order
    assert min(estimated) == 0.0
    if toward == "N":
        assert max(estimated) == pytest.approx(max(miles) - min(miles), rel=0.01, abs=0.01)


def test_a_bend_is_followed() -> None:
    """A road to the north that turns to the west: sorting by latitude would fold it."""
    points = [(34.0 + 0.01 * step, -118.0) for step in range(8)] + [
        (34.071, -118.0 - 0.01 * step) for step in range(1, 8)
    ]
    estimated = estimate_postmiles({"N": points, "S": [points[3], points[12]]})
    assert estimated["N"] == sorted(estimated["N"])
    assert estimated["S"] == pytest.approx([estimated["N"][3], estimated["N"][12]], abs=0.05)


def test_a_folder_reads_back_as_the_same_network(tmp_path: Path) -> None:
    network, _ = imported(
        tmp_path, 'sensor_id,name,lat,lon,fwy,dir,abs_pm,lanes\n1,"A, ""B""",34,-118,5,N,1.25,3\n2,C,34.1,-118,5,N,8,\n'
    )
    write_network(network, tmp_path / "out")
    again = load_network(tmp_path / "out")
    assert again.sensors == network.sensors
    assert [edge.weight for edge in again.edges] == pytest.approx([edge.weight for edge in network.edges], rel=1e-5)
    assert (again.time_zone, again.window, again.reading_interval) == (network.time_zone, FIVE_MINUTES, FIVE_MINUTES)


def test_metr_la(real_data: Path) -> None:
    folder = real_data / "metr_la"
    network, notes = import_network(
        folder / "sensors.csv", folder / "adjacency.csv", "metr-la", LOS_ANGELES, None, FIVE_MINUTES
    )
    assert (len(network.sensors), len(network.carriageways), len(network.edges)) == (207, 16, 1515)
    assert notes.estimated_postmiles == 207
    # Published weights fall with the distance along the road, so neighbours in our order must weigh much.
    weights = {(edge.from_sensor, edge.to_sensor): edge.weight for edge in network.edges}
    along = [sensor.sensor_id for sensor in network.carriageways["US-101 N"]]
    assert sum((a, b) in weights for a, b in pairwise(along)) >= len(along) - 3


def test_pems_bay(real_data: Path) -> None:
    folder = real_data / "pems_bay"
    network, notes = import_network(
        folder / "stations_325.csv", folder / "distances_metres.csv", "pems-bay", LOS_ANGELES, None, FIVE_MINUTES
    )
    # 2,369 is what DCRNN's own script makes of these distances.
    assert (len(network.sensors), len(network.carriageways), len(network.edges)) == (325, 16, 2369)
    assert not any((notes.estimated_postmiles, notes.unknown_freeway, notes.foreign_edges))


def test_estimated_postmiles_agree_with_caltrans(real_data: Path, tmp_path: Path) -> None:
    """PEMS-BAY without its postmiles: the same order, and miles that are right but for where they begin."""
    folder = real_data / "pems_bay"
    stations = (folder / "stations_325.csv").read_text().replace("Abs_PM", "hidden")
    (tmp_path / "stations.csv").write_text(stations)
    known, estimated = (
        import_network(path, folder / "distances_metres.csv", "pems-bay", LOS_ANGELES, None, FIVE_MINUTES)[0]
        for path in (folder / "stations_325.csv", tmp_path / "stations.csv")
    )
    for freeway in {sensor.freeway for sensor in known.sensors}:
        pairs = [
            (a.postmile, b.postmile)
            for a, b in zip(known.sensors, estimated.sensors, strict=True)
            if a.freeway == freeway
        ]
        offset = sum(a - b for a, b in pairs) / len(pairs)
        assert max(abs(a - b - offset) for a, b in pairs) < 0.8, freeway


def test_the_compass_agrees_with_the_edges_in_los_angeles(real_data: Path) -> None:
    folder = real_data / "metr_la"
    network, _ = import_network(
        folder / "sensors.csv", folder / "adjacency.csv", "metr-la", LOS_ANGELES, None, FIVE_MINUTES
    )
    for freeway in {sensor.freeway for sensor in network.sensors}:
        roads = {name[-1]: along for name, along in network.carriageways.items() if name.startswith(freeway + " ")}
        compass = estimate_postmiles({t: [(s.latitude, s.longitude) for s in row] for t, row in roads.items()})
        for toward, row in roads.items():
            assert [s.postmile for s in row] == pytest.approx(compass[toward], abs=0.01)


META = (
    "ID\tFwy\tDir\tAbs_PM\tLatitude\tLongitude\tType\tLanes\tName\n"
    "1\t101\tN\t4.35\t34.07\t-118.26\tML\t4\tALVARADO\n2\t101\tN\t\t34.08\t-118.28\tML\t1\tVERMONT\n"
    "3\t101\tSB\t5.1\t34.08\t-118.28\tML\t1\tVERMONT\n"
)
PIECES = st.sampled_from(
    [
        b"",
        b"\t",
        b",",
        b"\n",
        b'"',
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff",
        b"nan",
        b"1e308",
        b"-1",
        b"9" * 400,
        b"NB",
        b"up",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["edges", "sensors"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES | st.binary(max_size=6)), min_size=1, max_size=4),
)
def test_mutated_tables_become_a_sound_network_or_one_line(
    tmp_path: Path, which: str, changes: list[tuple[float, int, bytes]]
) -> None:
    files = {"sensors": META.encode(), "edges": EDGES.encode()}
    content = files[which]
    for where, replaced, piece in changes:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + replaced :]
    for name, bytes_ in {**files, which: content}.items():
        (tmp_path / f"{name}.csv").write_bytes(bytes_)
    said = ""
    try:
        network, _ = import_network(
            tmp_path / "sensors.csv", tmp_path / "edges.csv", "x", LOS_ANGELES, None, FIVE_MINUTES
        )
        write_network(network, tmp_path / "out")
        assert load_network(tmp_path / "out").index == network.index
    except ConfigurationError as refused:
        said = str(refused)
    assert said.isprintable()
    assert len(said) < 900
