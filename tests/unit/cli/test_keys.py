"""`metrla keys`."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.main import app
from services.gateway.access.keys import read_keys
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
