"""A traceback on the terminal says where, not what the variables held: that may be a secret, and takes its time."""

import subprocess
import sys

import pytest

from tests.kit.places import ROOT

FAILS = """
import logging
from shared.runtime.logs import configure_logs
from shared.runtime.settings import PlatformSettings

configure_logs(PlatformSettings(log_format={form!r}), "test")
token = "-".join(["a", "secret"])
try:
    raise ValueError("refused")
except ValueError:
    logging.getLogger("test").exception("failed")
"""


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_tells_no_values(form: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FAILS.format(form=form)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "ValueError: refused" in ran.stderr
    assert "a-secret" not in ran.stderr
