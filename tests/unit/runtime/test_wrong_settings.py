"""A process whose settings are wrong says so in one line, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import environment


@pytest.mark.parametrize(
    ("service", "wrong", "said"),
    [
        ("gateway", {"METRLA_GATEWAY_PORT": "x"}, "METRLA_GATEWAY_PORT: "),
        ("gateway", {"METRLA_GATEWAY_TLS_KEY": "key.pem"}, "METRLA_GATEWAY_TLS_CERTIFICATE and _TLS_KEY come together"),
        ("gateway", {"METRLA_GATEWAY_READS": "key"}, "METRLA_GATEWAY_READS=key needs keys"),
        ("ingest", {"METRLA_INGEST_LATENESS_S": "x"}, "METRLA_INGEST_LATENESS_S: "),
    ],
)
def test_wrong_settings_are_one_line(service: str, wrong: dict[str, str], said: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"services.{service}.app"],
        env=environment("127.0.0.1:1", tmp_path, **wrong),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"metrla {service}: {said}")
    assert ended.stderr.count("\n") == 1
