from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.data import app
from metrla.data.web import FetchError
from shared.events.errors import ConfigurationError


def test_an_unknown_data_set() -> None:
    with pytest.raises(ConfigurationError, match="not one of metr-la"):
        CliRunner().invoke(app, ["fetch", "nowhere"], catch_exceptions=False)


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="Is there a network"):
        CliRunner().invoke(
            app, ["fetch", "metr-la", "--out", str(tmp_path), "--url", "http://127.0.0.1:9/x"], catch_exceptions=False
        )


def test_a_file_that_is_there_is_checked(tmp_path: Path) -> None:
    (tmp_path / "METR-LA.csv").write_text(",1\n2012-03-01 00:00:00,60\n")
    with pytest.raises(ConfigurationError, match="1 x 1 values instead of 34,272 x 207"):
        CliRunner().invoke(app, ["fetch", "metr-la", "--out", str(tmp_path)], catch_exceptions=False)
