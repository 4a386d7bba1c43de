"""A file that a person named is written whole or not at all, where its name leads, and nothing else is replaced."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shared.events.errors import ConfigurationError
from shared.runtime.output_file import output_file
from tests.kit.places import ROOT

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices and gives files away")
AS_ANOTHER = """
import os, sys
from pathlib import Path
from shared.runtime.output_file import output_file

os.setgroups([])
os.setgid(1234)
os.setuid(1234)
with output_file(Path(sys.argv[1])) as file:
    file.write("new")
"""


def write(path: Path, text: str = "new") -> None:
    with output_file(path) as file:
        file.write(text)


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_names_is_written(tmp_path: Path, *, there: bool) -> None:
    (tmp_path / "far").mkdir()
    target, link, second = tmp_path / "far" / "x", tmp_path / "link", tmp_path / "second"
    if there:
        target.write_text("old")
    link.symlink_to(target)
    second.symlink_to("link")
    write(second)
    assert (link.is_symlink(), second.is_symlink(), target.read_text()) == (True, True, "new")
    assert list((tmp_path / "far").iterdir()) == [target]


def test_mode_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    (tmp_path / "x").chmod(0o604)
    write(tmp_path / "x")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o604


@AS_ROOT
def test_owner_and_group_are_kept(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    os.chown(tmp_path / "x", 1000, 1001)
    (tmp_path / "x").chmod(0o640)
    write(tmp_path / "x")
    state = (tmp_path / "x").stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (1000, 1001, 0o640)


@AS_ROOT
def test_a_file_whose_owner_cannot_be_kept_is_left_alone() -> None:
    # Not below pytest's folders, which only their owner may enter.
    with TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o777)
        (folder / "x").write_text("old")
        other = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER, str(folder / "x")], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "cannot be kept" in other.stderr
        assert [path.read_text() for path in folder.iterdir()] == ["old"]


@AS_ROOT
def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    null, link = tmp_path / "null", tmp_path / "link"
    os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    link.symlink_to(null)
    for path in (null, link):
        try:
            write(path)
        except ConfigurationError as refused:
            pytest.skip(f"devices are not to be opened here: {refused}")
        assert stat.S_ISCHR(null.stat().st_mode)
        assert link.is_symlink()


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join()
    assert heard == ["new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_standard_output_is_written_on_from_where_it_is(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from shared.runtime.output_file import output_file\n"
        "with output_file(Path('/dev/stdout')) as file: file.write('new')"
    )
    with (tmp_path / "x").open("a") as out:
        out.write("old ")
        out.flush()
        subprocess.run([sys.executable, "-c", script], stdout=out, check=True)
    assert (tmp_path / "x").read_text() == "old new"


def test_nothing_is_left_of_what_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")

    def interrupted() -> None:
        with output_file(tmp_path / "x") as file:
            file.write("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("place", ["", "absent/x", "loop"])
def test_what_cannot_be_written_is_named_with_its_option(tmp_path: Path, place: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigurationError, match=f"^--out {tmp_path}"), output_file(tmp_path / place, option="--out"):
        pass
