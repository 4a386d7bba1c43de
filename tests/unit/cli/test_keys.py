"""`metrla keys`."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.main import app
from services.gateway.access.keys import read_keys, sole_writer
from services.gateway.access.principals import Scope
from shared.events.errors import ConfigurationError


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_from_making_to_revoking(tmp_path: Path) -> None:
    file = str(tmp_path / "keys.json")
    first = run(
        "create", "import of district 7", "--scope", "ingest", "--scope", "read", "--days", "30", "--file", file
    )
    second = run("rotate", "import of district 7", "--overlap-hours", "0", "--file", file)
    now, keys = datetime.now(UTC), read_keys(tmp_path / "keys.json")
    assert keys.principal(first, now) is None
    who = keys.principal(second, now)
    assert who is not None
    assert who.scopes == {Scope.INGEST, Scope.READ}
    listed = json.loads(run("list", "--json", "--file", file))
    assert [row["state"] for row in listed] == ["expired", "active"]
    shown = run("list", "--file", file)
    assert "import of district 7" in shown
    assert second.rpartition("_")[2] not in shown
    run("revoke", listed[1]["id"], "--file", file)
    assert read_keys(tmp_path / "keys.json").principal(second, now) is None


TWENTY = """
import sys
from metrla.cli.main import app
for number in range(20):
    app(["keys", "create", f"{sys.argv[1]} {number}", "--scope", "read", "--file", sys.argv[2]], standalone_mode=False)
"""


def test_two_who_make_keys_at_once_lose_none(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    makers = [
        subprocess.Popen([sys.executable, "-c", TWENTY, name, str(file)], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    texts = [text for maker in makers for text in maker.communicate()[0].split()]
    assert [maker.returncode for maker in makers] == [0, 0]
    ring = read_keys(file)
    assert len(ring.keys) == len(texts) == 40
    assert all(ring.principal(text, datetime.now(UTC)) is not None for text in texts)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".keys.json.lock", "keys.json"]


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    run("create", "x", "--scope", "read", "--file", str(file))
    with sole_writer(file):
        assert len(read_keys(file).keys) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["list"], "which file"),
        (["list", "--file", "none.json"], "No such file"),
        (["revoke", "x", "--file", "none.json"], "No such file"),
        (["create", "a\x1bb", "--scope", "read", "--file", "none.json"], "printable"),
        (["create", "x", "--scope", "read", "--file", "no/such/folder/keys.json"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("METRLA_GATEWAY_KEYS_FILE", raising=False)
    with pytest.raises(ConfigurationError, match=why):
        CliRunner().invoke(app, ["keys", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("command", [("create", "b", "--scope", "read"), ("rotate", "a"), ("revoke", "a")])
def test_a_link_to_the_file_stays_and_its_rights_are_kept(tmp_path: Path, command: tuple[str, ...]) -> None:
    file, link = tmp_path / "far" / "keys.json", tmp_path / "keys.json"
    file.parent.mkdir()
    link.symlink_to(file)
    run("create", "a", "--scope", "read", "--file", str(link))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1000, 1000)
    before = file.stat()
    text = file.read_text()
    run(*command, "--file", str(link))
    after = file.stat()
    assert link.is_symlink()
    assert file.read_text() != text
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_devices_are_no_files_of_keys(device: str) -> None:
    with pytest.raises(ConfigurationError, match="no regular file"):
        CliRunner().invoke(app, ["keys", "create", "b", "--scope", "read", "--file", device], catch_exceptions=False)
