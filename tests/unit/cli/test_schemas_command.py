"""`metrla schemas`: what it shows, what it lets pass, what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from metrla.cli.schemas import app
from shared.events.errors import ConfigurationError
from shared.events.published import SCHEMAS_FOLDER

WRONG_NAME = '{"type": "record", "name": "X", "fields": [{"name": "a", "type": "int"}]}'


def schemas(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the schemas, to change."""
    return Path(shutil.copytree(SCHEMAS_FOLDER, tmp_path / "schemas"))


def change(folder: Path, name: str, **fields: Any) -> None:  # noqa: ANN401  any JSON
    """Change fields of a schema; `None` removes one."""
    path = folder / f"{name}.avsc"
    definition = json.loads(path.read_text())
    definition["fields"] = [
        {**field, **fields.get(field["name"], {})}
        for field in definition["fields"]
        if fields.get(field["name"], {}) is not None
    ]
    known = {field["name"] for field in definition["fields"]}
    added = [{"name": name, **new} for name, new in fields.items() if new is not None and name not in known]
    definition["fields"] += added
    path.write_text(json.dumps(definition))


def test_the_schemas_of_this_version_pass() -> None:
    result = schemas("check")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)


def test_prose_may_change(folder: Path) -> None:
    change(folder, "TrafficEvent", speed_mph={"doc": "Better words."})
    assert schemas("check", "--folder", folder).exit_code == 0


def test_a_harmless_change_must_be_recorded(folder: Path) -> None:
    change(folder, "TrafficEvent", lane={"type": ["null", "int"], "default": None})
    refused = schemas("check", "--folder", folder)
    assert refused.exit_code == 1
    assert refused.stderr == "TrafficEvent: not recorded; `metrla schemas record` makes it a published version\n"
    recorded = schemas("record", "--folder", folder)
    assert recorded.stdout.startswith("TrafficEvent version 2: recorded, fingerprint ")
    assert (folder / "history" / "TrafficEvent" / "2.avsc").exists()
    assert schemas("check", "--folder", folder).exit_code == 0
    assert schemas("record", "--folder", folder).stdout == "Every schema is recorded already.\n"


def test_a_break_is_one_line_and_is_not_recorded(folder: Path) -> None:
    change(folder, "TrafficEvent", lane={"type": "int"}, sensor_id=None)
    for command in ("check", "record"):
        refused = schemas(command, "--folder", folder)
        assert refused.exit_code == 1
        missing = "the writer has no such field and the reader no default for it"
        assert refused.stderr.splitlines()[:2] == [
            f"TrafficEvent cannot read version 1: TrafficEvent.lane: {missing}",
            f"TrafficEvent cannot be read by version 1: TrafficEvent.sensor_id: {missing}",
        ]
    assert not (folder / "history" / "TrafficEvent" / "2.avsc").exists()


def test_older_versions_than_the_last_count_too(folder: Path) -> None:
    change(folder, "TrafficEvent", lane={"type": ["null", "int"], "default": None})
    schemas("record", "--folder", folder)
    change(folder, "TrafficEvent", lane={"type": ["null", "int", "string"], "default": None})
    lines = schemas("check", "--folder", folder).stderr.splitlines()
    assert lines[0].startswith("TrafficEvent cannot be read by version 2: TrafficEvent.lane: written as")
    assert len(lines) == 2


def test_other_milliseconds_are_a_break_though_the_fingerprint_stays(folder: Path) -> None:
    change(folder, "TrafficEvent", timestamp={"type": {"type": "long", "logicalType": "timestamp-micros"}})
    assert "timestamp-micros" in schemas("check", "--folder", folder).stderr


def test_a_schema_that_is_gone(folder: Path) -> None:
    (folder / "TrafficAlert.avsc").unlink()
    refused = schemas("check", "--folder", folder)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("TrafficAlert: published, but TrafficAlert.avsc is gone")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"type": "record"}', '{"type": "record", "name": "X"}', WRONG_NAME])
def test_a_damaged_schema_is_one_line(folder: Path, text: str) -> None:
    (folder / "TrafficAlert.avsc").write_text(text)
    with pytest.raises(ConfigurationError, match=r"TrafficAlert\.avsc") as wrong:
        schemas("check", "--folder", folder)
    assert "\n" not in str(wrong.value)


def test_a_folder_without_schemas(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.avsc files"):
        schemas("check", "--folder", tmp_path)


def test_a_version_must_have_a_number(folder: Path) -> None:
    shutil.copy(folder / "TrafficAlert.avsc", folder / "history" / "TrafficAlert" / "latest.avsc")
    with pytest.raises(ConfigurationError, match="named by its number"):
        schemas("check", "--folder", folder)


def test_show_gives_every_field_its_unit() -> None:
    rows = json.loads(schemas("show", "trafficprediction", "--format", "json").stdout)
    units = {row["field"]: row["unit"] for row in rows}
    assert units["current_speed_mph"] == "mph"
    assert units["horizons[].horizon_minutes"] == "minutes"
    table = schemas("show", "TrafficEvent").stdout
    assert "speed_mph" in table
    assert "mph, 0 to 120; null = not observed" in table


def test_show_of_an_unknown_record() -> None:
    with pytest.raises(ConfigurationError, match=r"Nothing is not one of .*TrafficEvent"):
        schemas("show", "Nothing")
