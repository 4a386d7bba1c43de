import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from metrla.cli.querying.output import TABLE_ROWS, Column, Kind, Output, OutputFormat, Row, progress
from shared.events.errors import ConfigurationError

COLUMNS = (
    Column("sensor_id"),
    Column("timestamp", Kind.INSTANT),
    Column("speed_mph", Kind.NUMBER),
    Column("count", Kind.INTEGER),
    Column("sensors", Kind.TEXTS),
    Column("note", in_table=False),
)
INSTANT = datetime(2012, 5, 2, 7, 30, tzinfo=UTC)
ROWS: list[Row] = [
    ("a", INSTANT, 61.23456, 3, ("x", "y"), "one, two"),
    ("b", INSTANT.replace(microsecond=125_000), None, None, (), None),
]
PACIFIC = ZoneInfo("America/Los_Angeles")


def test_the_form_is_what_the_option_or_the_suffix_says(tmp_path: Path) -> None:
    assert Output.choose(None, None).form is OutputFormat.TABLE
    assert Output.choose(None, tmp_path / "x.CSV").form is OutputFormat.CSV
    assert Output.choose(None, tmp_path / "x.parquet").form is OutputFormat.PARQUET
    assert Output.choose(None, tmp_path / "x.txt").form is OutputFormat.TABLE
    assert Output.choose(OutputFormat.JSON, tmp_path / "x.csv").form is OutputFormat.JSON


def test_a_terminal_gets_no_parquet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(ConfigurationError, match="--out"):
        Output.choose(OutputFormat.PARQUET, None)
    assert Output.choose(OutputFormat.PARQUET, tmp_path / "x").out == tmp_path / "x"


def test_csv(capsys: pytest.CaptureFixture[str]) -> None:
    Output.choose(OutputFormat.CSV, None).write(COLUMNS, ROWS, "none")
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert lines == [
        {
            "sensor_id": "a",
            "timestamp": "2012-05-02T07:30:00Z",
            "speed_mph": "61.23456",
            "count": "3",
            "sensors": "x y",
            "note": "one, two",
        },
        {
            "sensor_id": "b",
            "timestamp": "2012-05-02T07:30:00.125Z",
            "speed_mph": "",
            "count": "",
            "sensors": "",
            "note": "",
        },
    ]


def test_json_in_a_time_zone(capsys: pytest.CaptureFixture[str]) -> None:
    Output.choose(OutputFormat.JSON, None, PACIFIC).write(COLUMNS, ROWS, "none")
    first, second = json.loads(capsys.readouterr().out)
    assert first["timestamp"] == "2012-05-02T00:30:00-07:00"
    assert first["sensors"] == ["x", "y"]
    assert second["speed_mph"] is None
    assert list(first) == [column.name for column in COLUMNS]


@pytest.mark.parametrize("zone", [UTC, PACIFIC])
def test_parquet_keeps_types(tmp_path: Path, zone: ZoneInfo) -> None:
    out = tmp_path / "rows.parquet"
    Output.choose(None, out, zone).write(COLUMNS, ROWS, "none")
    table = parquet.read_table(out)
    assert [str(field.type) for field in table.schema] == [
        "string",
        f"timestamp[ms, tz={zone}]",
        "double",
        "int64",
        "list<element: string>",
        "string",
    ]
    assert [tuple(row.values())[:4] for row in table.to_pylist()] == [tuple(row)[:4] for row in ROWS]


def test_a_table_shows_what_fits_and_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    Output.choose(None, None).write(COLUMNS, ROWS, "none")
    shown = capsys.readouterr().out
    assert "61.23" in shown
    assert "61.234" not in shown
    assert "x y" in shown
    assert "one, two" not in shown
    assert "None" not in shown


def test_headings_are_narrow_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Output.choose(None, None).write(COLUMNS, ROWS, "none")
    assert capsys.readouterr().out.splitlines()[0].split() == [
        "sensor_id",
        "timestamp",
        "speed_mph",
        "count",
        "sensors",
    ]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    Output.choose(None, None).write(COLUMNS, ROWS, "none")
    shown = capsys.readouterr().out
    assert "speed" in shown
    assert "speed_mph" not in shown


def test_a_long_table_says_that_it_was_cut(capsys: pytest.CaptureFixture[str]) -> None:
    rows = ([f"s{number}"] for number in range(TABLE_ROWS + 5))
    Output.choose(None, None).write((Column("sensor_id"),), rows, "none")
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == TABLE_ROWS + 1
    assert "first 1,000 rows" in captured.err


def test_a_table_in_a_file_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rows.txt"
    Output.choose(None, out).write((Column("n", Kind.INTEGER),), ([n] for n in range(TABLE_ROWS + 5)), "none")
    assert len(out.read_text().splitlines()) == TABLE_ROWS + 6
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("form", "content"), [(OutputFormat.TABLE, ""), (OutputFormat.CSV, "a,b\n"), (OutputFormat.JSON, "[]\n")]
)
def test_no_rows_are_said_on_standard_error(
    form: OutputFormat, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Output.choose(form, None).write((Column("a"), Column("b")), [], "Nothing matches.")
    captured = capsys.readouterr()
    assert captured.err == "Nothing matches.\n"
    assert captured.out == content


def test_parquet_without_rows_still_has_its_columns(tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    Output.choose(None, out).write(COLUMNS, [], "none")
    assert parquet.read_table(out).column_names == [column.name for column in COLUMNS]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("as before")

    def interrupted() -> Iterator[Row]:
        yield ["a"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Output.choose(None, out).write((Column("a"),), interrupted(), "none")
    assert out.read_text() == "as before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--out .*absent/x\.csv: No such file or directory"):
        Output.choose(None, tmp_path / "absent" / "x.csv").write((Column("a"),), [["1"]], "none")


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("rows") as bar:
        assert list(bar.track([1, 2, 3], description="reading")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")
