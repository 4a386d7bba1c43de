"""The folder of a demo."""

from pathlib import Path

import pytest

from metrla.local.launcher.state import claimed_anew
from shared.events.errors import ConfigurationError


def test_what_an_earlier_demo_left_is_gone(tmp_path: Path) -> None:
    state = tmp_path / "new" / "demo"
    with claimed_anew(state):
        (state / "store.sqlite").touch()
    with claimed_anew(state):
        assert not (state / "store.sqlite").exists()


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="not of an earlier demo"), claimed_anew(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").exists()


def test_a_running_demo_keeps_its_folder(tmp_path: Path) -> None:
    state = tmp_path / "demo"
    with claimed_anew(state):
        (state / "store.sqlite").touch()
        with pytest.raises(ConfigurationError, match="another demo uses"), claimed_anew(state):
            pass
        assert (state / "store.sqlite").exists()
