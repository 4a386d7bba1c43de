"""`metrla settings`, and the page that is made from it."""

import pytest
from typer.testing import CliRunner

from metrla.cli.main import app
from metrla.cli.settings import reference
from tests.kit.places import ROOT


def test_the_page_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_setting_says_what_it_does() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `METRLA_")]
    assert len(rows) > 30
    assert not [row for row in rows if row.endswith("|  |")]


def test_the_table_names_every_service() -> None:
    shown = CliRunner().invoke(app, ["settings"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for variable in ("METRLA_KAFKA_BOOTSTRAP_SERVERS", "METRLA_INGEST_LATENESS_S", "METRLA_GATEWAY_PORT"):
        assert variable in shown.output
