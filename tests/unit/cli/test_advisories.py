"""`metrla advisories` without a broker: dry runs, reports, exit codes, wrong usage."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from metrla.cli.advisories import app
from metrla.data.web import feed_name
from shared.events.errors import ConfigurationError
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NOWHERE = "127.0.0.1:1"
HERE = load_network(EXAMPLE_NETWORK).carriageways["I-405 N"][0]


def run(*arguments: str) -> Result:
    network = () if arguments[0] == "list" else ("--network", str(EXAMPLE_NETWORK))
    result = CliRunner().invoke(app, [*arguments, *network, "--bootstrap-servers", NOWHERE])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def document(tmp_path: Path) -> Path:
    start = datetime.now(UTC)
    good: dict[str, Any] = {
        "type": "Feature",
        "id": "a",
        "properties": {
            "core_details": {
                "data_source_id": "d7", "event_type": "work-zone", "road_names": ["I-405"], "direction": "northbound",
            },
            "start_date": start.isoformat(), "end_date": (start + timedelta(1)).isoformat(),
            "vehicle_impact": "unknown",
        },
        "geometry": {"type": "MultiPoint", "coordinates": [[HERE.longitude, HERE.latitude]] * 2},
    }  # fmt: skip
    far = good | {"id": "b", "geometry": {"type": "MultiPoint", "coordinates": [[0, 0], [0, 0]]}}
    path = tmp_path / "wz.json"
    path.write_text(json.dumps({"feed_info": {"version": "4.2"}, "features": [good, far, {"id": "c"}]}))
    return path


def test_a_dry_run_says_what_would_be(document: Path) -> None:
    result = run("import", str(document), "--dry-run")
    assert result.exit_code == 0
    assert "to publish" in result.stdout
    assert "feature 2 (c): type: Field required" in result.stdout
    assert "feature 1 (b): Work zone" in result.stdout
    assert "every advisory counts as new" in result.stderr


def test_json_has_every_reason(document: Path) -> None:
    (report,) = json.loads(run("import", str(document), "--dry-run", "--json").stdout)
    assert (report["source"], report["features"], report["published"]) == ("wz.json", 3, 1)
    assert report["rejected"][0]["publisher_id"] == "c"
    assert report["unmatched"] == [{"index": 1, "publisher_id": "b", "title": "Work zone"}]


def test_strict_fails_on_a_rejection(document: Path) -> None:
    assert run("import", str(document), "--dry-run", "--strict").exit_code == 1


def test_a_document_that_is_none_fails_and_the_others_are_imported(document: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html></html>")
    result = run("import", str(tmp_path / "page.html"), str(document), "--dry-run")
    assert result.exit_code == 1
    assert "page.html: no CAP document" in result.stderr
    assert "wz.json" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "/nowhere/at/all.json", "--dry-run"),
        ("import", "x", "--format", "gtfs"),
        ("watch", "file.json"),
        ("watch", "http://127.0.0.1:1/", "--every", "0"),
        ("watch", "http://127.0.0.1:1/", "--every", "often"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        run(*arguments)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("-", ""),
        ("/data/wz.json", "wz.json"),
        ("https://user:word@511.example/wzdx?api_key=x&area=7", "https://511.example/wzdx?area=7"),
    ],
)
def test_names_of_feeds_keep_no_secrets(place: str, name: str) -> None:
    assert feed_name(place) == name
