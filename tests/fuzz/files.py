"""Files that people bring: networks, wide tables, PeMS stations, up to the events that are made of them."""

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.replay import Replay
from services.ingest.validator import measure_fault
from shared.events.avro import encode
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network
from shared.traffic.neighbours import neighbours
from shared.traffic.roadway import roadway
from tests.fuzz.mutation import damaged, files
from tests.fuzz.oracle import demand_clean
from tests.fuzz.records import NETWORK, demand_one_line
from tests.fuzz.target import Target

TOML = """id = "toy"
name = "Toy"
time_zone = "America/Los_Angeles"
window_minutes = 5
reading_interval_seconds = 60
holidays = "US-CA"
"""
SENSORS = """sensor_id,name,freeway,direction,postmile,latitude,longitude,road_type,lane_count
s0,Site 0,I-10,E,0.0,34.0,-118.0,freeway,4
s1,Site 1,I-10,E,1.0,34.0,-117.99,freeway,
"s,2","Site, 2",I-10,W,1.5,34.0,-117.98,ramp,2
"""
EDGES = "from,to,weight,metres\ns0,s1,0.8,1609\ns1,s0,0.2,\n"
WIDE = ",s0,s1\n2026-03-03 06:30:00,60.1,0\n2026-03-03 06:35:00,,55\n2026-03-03 06:40:00,1e1,99.5\n"
PEMS = "\n".join(
    f"03/03/2026 06:{minute}:00,{station},7,10,E,ML,.5,10,100,{flow},.05,{speed},1,2,3,4,5"
    for minute in (30, 35)
    for station, flow, speed in (("s0", 120, 65.1), ("s1", "", ""))
)
MOST_STEPS = 10_000
NO_HDF5 = b"\x89HDF\r\n\x1a\n"


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="metrla-fuzz-")


def _network(contents: dict[str, bytes]) -> None:
    folder = Path(_folder().name) / "network"
    folder.mkdir(exist_ok=True)
    for name in ("network.toml", "sensors.csv", "edges.csv"):
        (folder / name).unlink(missing_ok=True)
        if name in contents:
            (folder / name).write_bytes(contents[name])
    try:
        network = load_network(folder)
    except ConfigurationError as refused:
        demand_one_line(refused)
        return
    assert network.sensors, "a network without sensors"
    assert timedelta(minutes=1) <= network.window <= timedelta(minutes=60), (
        f"a window of an odd length: {network.window}"
    )
    for text in (network.network_id, network.name, *(sensor.sensor_id for sensor in network.sensors)):
        demand_clean(text)
    neighbours(roadway(network), 2.0)


def _readings(name: str) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        path = Path(_folder().name) / name
        path.write_bytes(content)
        now = datetime.now(NETWORK.time_zone)
        try:
            replay = Replay(open_readings(path), NETWORK, skip_unknown=True)
            replay.extent()
            for delivery in islice(replay.deliveries(), MOST_STEPS):
                assert delivery.at <= now + timedelta(days=365), f"a reading of the future: {delivery.at}"
                for event in delivery.events:
                    encode(event)
                    measure_fault(event)
        except ConfigurationError as refused:
            demand_one_line(refused)

    return read


def _tables(good: Any) -> st.SearchStrategy[bytes]:  # noqa: ANN401 - a text
    return damaged([good.encode(), b"\xef\xbb\xbf" + good.encode(), good.replace("\n", "\r\n").encode("latin-1")])


def _compressed(good: str) -> st.SearchStrategy[bytes]:
    """Damaged before, or after."""
    return damaged([good.encode()]).map(gzip.compress) | damaged([gzip.compress(good.encode(), mtime=0)])


@cache
def _parquet() -> bytes:
    import pandas as pd  # noqa: PLC0415 - half a second that other targets need not wait

    table: Any = pd.read_csv(StringIO(WIDE), index_col=0, parse_dates=True)
    written: bytes = table.to_parquet()
    return written


TARGETS = (
    Target(
        "networks",
        files(
            {
                "network.toml": damaged([TOML.encode()]),
                "sensors.csv": _tables(SENSORS),
                "edges.csv": _tables(EDGES),
            }
        ),
        _network,
    ),
    Target("wide-csv", _tables(WIDE), _readings("wide.csv"), 40),
    Target("pems", _tables(PEMS), _readings("d07_text_station_5min.txt"), 40),
    Target("compressed-csv", _compressed(WIDE), _readings("wide.csv.gz"), 20),
    Target("compressed-pems", _compressed(PEMS), _readings("pems.txt.gz"), 20),
    Target("parquet", st.deferred(lambda: damaged([_parquet()])), _readings("wide.parquet"), 20),
    Target("hdf5", damaged([NO_HDF5]), _readings("wide.h5"), 5),
)
