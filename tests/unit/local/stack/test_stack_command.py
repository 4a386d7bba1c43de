from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.stack import app
from metrla.local.stack.shape import StackShape, read_shape, write_shape
from shared.events.errors import ConfigurationError


def test_a_stack_that_never_ran_is_shown_as_stopped(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["status", "--run", str(tmp_path)])
    assert (shown.exit_code, shown.stdout.count("stopped")) == (1, 5)


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["down", "--run", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "")


def test_there_is_nothing_to_reset_where_there_is_no_stack(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no stack"):
        CliRunner().invoke(app, ["reset", "--run", str(tmp_path)], catch_exceptions=False)


def test_reset_asks_and_keeps_the_shape(tmp_path: Path) -> None:
    shape = StackShape(hbase_on_hdfs=True)
    write_shape(tmp_path, shape)
    (tmp_path / "kafka").mkdir()
    refused = CliRunner().invoke(app, ["reset", "--run", str(tmp_path)], input="n\n")
    assert (refused.exit_code, (tmp_path / "kafka").exists()) == (1, True)
    done = CliRunner().invoke(app, ["reset", "--run", str(tmp_path)], input="y\n")
    assert (done.exit_code, (tmp_path / "kafka").exists()) == (0, False)
    assert read_shape(tmp_path) == shape
