"""The audit of dependencies never says that all is well of packages that it could not ask about."""

import subprocess
from pathlib import Path

import pytest

from tests.kit.places import ROOT

PINNED = 3
UNKNOWN = "x Dependency not found on PyPI and could not be audited: x\n"


@pytest.mark.parametrize(
    ("says", "code", "expected", "last"),
    [
        ("No known vulnerabilities found", 0, 0, "No known vulnerabilities found"),
        ("Found 1 known vulnerability in 1 package", 1, 1, "Found 1 known vulnerability in 1 package"),
        ("requests.exceptions.ConnectionError: refused", 1, 0, "skipped: the source of known faults cannot be reached"),
        (
            "No known vulnerabilities found\n" + UNKNOWN * PINNED,
            0, 0, f"skipped: the source of known faults knows none of the {PINNED} packages",
        ),
        (
            "No known vulnerabilities found\n" + UNKNOWN,
            0, 1, f"failed: 1 of {PINNED} packages could not be audited",
        ),
        (
            "Found 1 known vulnerability\n" + UNKNOWN,
            1, 1, UNKNOWN.strip(),
        ),
    ],
    ids=["sound", "faulty", "unreachable", "none known", "some not known", "faulty and some not known"],
)  # fmt: skip
def test_what_the_audit_says(tmp_path: Path, says: str, code: int, expected: int, last: str) -> None:
    lock = "".join(f"package-{number}==1.0 \\\n    --hash=sha256:00\n" for number in range(PINNED))
    (tmp_path / "requirements-runtime.lock").write_text(lock)
    auditor = tmp_path / "pip-audit"
    auditor.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    auditor.chmod(0o755)
    done = subprocess.run(
        [str(ROOT / "tests/audit.sh"), str(auditor)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip().splitlines()[-1]) == (expected, last)
