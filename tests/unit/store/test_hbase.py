from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.avro import decode, encode
from shared.events.errors import ConfigurationError, StoreError
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertId,
    HorizonForecast,
    MeasuredWindow,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.store.encoding import from_millis
from shared.store.hbase.connections import ThriftAddress, thrift_address
from shared.store.hbase.rows import (
    AGGREGATES,
    AGGREGATES_BY_TIME,
    DAY_MS,
    PREDICTIONS,
    RECORD_COLUMN,
    TABLES,
    as_text,
    by_timestamp,
    cell_timestamp_ms,
)
from shared.store.hbase.shell import run_script, shell_script
from shared.store.hbase.tables import TableOptions
from shared.store.url import open_store, read_url

START = datetime(2012, 5, 2, 7, 5, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def aggregate(revision: int = 1, speed_mph: float | None = 61.5, sensor: str = "767541") -> ProcessedTrafficAggregate:
    return ProcessedTrafficAggregate(
        *(NetworkId("metr-la"), SensorId(sensor), START, START + WINDOW, revision, revision, speed_mph),
        *(speed_mph, speed_mph, None, None, 0.07, 1.0, "event"),
    )


def test_a_row_has_every_measure_as_text_and_the_whole_record() -> None:
    record = aggregate()
    row = AGGREGATES.row(record, encode(record))
    assert row.cells == {
        b"d:window_end": b"2012-05-02T07:10:00.000Z",
        b"d:revision": b"1",
        b"d:speed_count": b"1",
        b"d:mean_speed_mph": b"61.5",
        b"d:min_speed_mph": b"61.5",
        b"d:max_speed_mph": b"61.5",
        b"d:std_speed_mph": b"",
        b"d:volume_vehicles": b"",
        b"d:occupancy": b"0.07",
        b"d:share_observed": b"1.0",
        b"d:last_event_id": b"event",
        b"d:avro": encode(record),
    }
    assert decode(ProcessedTrafficAggregate, row.cells[RECORD_COLUMN]) == record


def test_every_revision_writes_the_same_columns() -> None:
    rows = [AGGREGATES.row(one, b"") for one in (aggregate(), aggregate(speed_mph=None), aggregate(revision=9))]
    assert len({frozenset(row.cells) for row in rows}) == 1
    assert list(AGGREGATES_BY_TIME.row(aggregate(), b"x").cells) == [RECORD_COLUMN]


def test_horizons_are_json_with_names() -> None:
    forecast = HorizonForecast(15, START, 50.5, 40.0, 60.0, 0.8, 0.125)
    record = TrafficPrediction(NetworkId("n"), SensorId("s"), START, "m", "1", 12, None, (forecast,))
    cells = PREDICTIONS.row(record, b"").cells
    assert (cells[b"d:serving"], cells[b"d:basis"]) == (b"true", b"trained")
    assert cells[b"d:horizons"] == (
        b'[{"horizon_minutes":15,"target_timestamp":"2012-05-02T07:05:00.000Z","predicted_speed_mph":50.5,'
        b'"lower_speed_mph":40.0,"upper_speed_mph":60.0,"confidence_score":0.8,"congestion_probability":0.125}]'
    )


def test_evidence_and_actions_are_json_with_names() -> None:
    window = MeasuredWindow(SensorId("s"), START, 18.5, None, None)
    rule = AlertEvidence("bottleneck", "speed_drop_mph", 41.5, 20.0, None, None, (window,))
    action = AlertAction("a-1", AlertId("x"), NetworkId("n"), AlertActionKind.CLOSE, START, "ops", "done")
    assert as_text((rule,)) == (
        b'[{"rule":"bottleneck","measure":"speed_drop_mph","value":41.5,"threshold":20.0,"model_name":null,'
        b'"model_version":null,"windows":[{"sensor_id":"s","window_end":"2012-05-02T07:05:00.000Z","speed_mph":18.5,'
        b'"usual_mph":null,"forecast_mph":null}]}]'
    )
    assert as_text((action,)) == (
        b'[{"action_id":"a-1","alert_id":"x","network_id":"n","kind":"close","at":"2012-05-02T07:05:00.000Z",'
        b'"operator":"ops","text":"done"}]'
    )


@given(st.floats(allow_nan=False))
def test_numbers_are_exact(value: float) -> None:
    assert float(as_text(value)) == value


@given(st.integers(-(2**40), 2**42), st.integers(1, 1_000), st.integers(1, 1_000))
def test_a_higher_revision_has_a_greater_timestamp(millis: int, one: int, other: int) -> None:
    time = from_millis(millis)
    stamps = cell_timestamp_ms(time, one), cell_timestamp_ms(time, other)
    assert (stamps[0] < stamps[1]) == (one < other)
    assert 0 <= stamps[0] - one <= max(millis, 0)
    assert max(millis, 0) - (stamps[0] - one) < DAY_MS


def test_rows_of_one_day_and_revision_travel_together_and_each_key_once() -> None:
    records = [aggregate(sensor=sensor, revision=revision) for sensor in "ab" for revision in (1, 2, 2)]
    later = replace(records[-1], mean_speed_mph=10.0)
    rows_at = by_timestamp(AGGREGATES.row(one, encode(one)) for one in [*records, later])
    midnight = cell_timestamp_ms(START, 0)
    assert {stamp - midnight: len(rows) for stamp, rows in rows_at.items()} == {1: 2, 2: 2}
    assert [row.cells[b"d:mean_speed_mph"] for row in rows_at[midnight + 2]] == [b"61.5", b"10.0"]


def test_the_address_is_read_from_the_url() -> None:
    url = "hbase://db.example:9091?prefix=ns:one&pool=8&timeout_s=2.5&transport=framed&protocol=compact"
    assert thrift_address(read_url(url)) == ThriftAddress(
        host="db.example", port=9091, prefix="ns:one", pool=8, timeout_s=2.5, transport="framed", protocol="compact"
    )
    assert thrift_address(read_url("hbase://db.example")).port == 9090


@pytest.mark.parametrize(
    "url",
    [
        "hbase://",
        "hbase:///table",
        "hbase://host/table",
        "hbase://host:0",
        "hbase://host:99999",
        "hbase://host?pool=0",
        "hbase://host?pool=many",
        "hbase://host?prefix=a%20b",
        "hbase://host?colour=red",
        "hbase://me:secret@host",
    ],
)
def test_a_url_of_no_thrift_server_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="store URL") as refused:
        open_store(url)
    assert "secret" not in str(refused.value)


def test_no_server_is_said_at_once() -> None:
    with pytest.raises(StoreError, match=r"cannot connect: HBase Thrift server 127\.0\.0\.1:1: Could not connect"):
        open_store("hbase://127.0.0.1:1")


@pytest.mark.parametrize("options", [{"compression": "ZIP"}, {"ttl_days": 0}, {"ttl_days": 30_000}])
def test_options_that_hbase_has_not_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        TableOptions(**options)  # type: ignore[arg-type]  # what is refused


def test_the_script_makes_split_tables() -> None:
    lines = shell_script("one", TableOptions(ttl_days=30, compression="SNAPPY"), 4).splitlines()
    assert lines[0] == (
        "create 'one_traffic_aggregates', {NAME => 'd', VERSIONS => 1, COMPRESSION => 'SNAPPY', BLOOMFILTER => 'ROW',"
        " DATA_BLOCK_ENCODING => 'FAST_DIFF', TTL => 2678400}, SPLITS => ['40', '80', 'c0']"
        " unless exists('one_traffic_aggregates')"
    )
    assert len(lines) == len(TABLES) + 1
    assert ["traffic_served_models" in line for line in lines if "TTL" not in line] == [True, False]
    assert "SPLITS" not in shell_script("", TableOptions(), 1)
    with pytest.raises(ConfigurationError, match="1 to 256"):
        shell_script("", TableOptions(), 257)


def test_a_shell_that_is_not_there_or_fails_is_named() -> None:
    with pytest.raises(ConfigurationError, match="cannot run the HBase shell 'no-such-shell'"):
        run_script(["no-such-shell"], "exit\n")
    with pytest.raises(StoreError, match="the HBase shell failed"):
        run_script(["false"], "exit\n")
    run_script(["true"], "exit\n")
