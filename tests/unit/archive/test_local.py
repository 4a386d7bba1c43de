import os
from pathlib import Path

import pytest

from shared.archive import local
from shared.archive.local import LocalArchive
from shared.archive.port import STALE_AFTER_S, TEMPORARY
from shared.archive.url import open_archive
from shared.events.errors import ArchiveError, ConfigurationError


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


RAW = "traffic-data/raw/network=a/year=2012/month=05/day=02/hour=00/traffic-events+0+0000000000+0000000001.avro"


def drafts(root: Path) -> list[Path]:
    return list((root / TEMPORARY).iterdir())


def test_looking_makes_nothing(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive")
    assert list(archive.list("")) == []
    archive.delete("a")
    with pytest.raises(ArchiveError, match="cannot read a: No such file"):
        archive.read("a")
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_write_that_fails_leaves_nothing_visible(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    archive.write("a/kept", b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ArchiveError, match="cannot write a/kept: No space left on device"):
        archive.write("a/kept", b"new")
    monkeypatch.undo()
    assert archive.read("a/kept") == b"old"
    assert drafts(tmp_path / "archive") == []


def test_what_a_dead_writer_left_is_not_listed_and_is_removed_when_it_is_old(
    archive: LocalArchive, tmp_path: Path
) -> None:
    archive.write("a", b"x")
    folder = tmp_path / "archive" / TEMPORARY
    stale, fresh = folder / "a.stale", folder / "a.fresh"
    for draft in (stale, fresh):
        draft.write_bytes(b"half")
    long_ago = stale.stat().st_mtime - STALE_AFTER_S - 1
    os.utime(stale, (long_ago, long_ago))
    assert [found.path for found in archive.list("")] == ["a"]
    LocalArchive(tmp_path / "archive")
    assert drafts(tmp_path / "archive") == [fresh]


def test_everything_new_is_synced_to_disk(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(local, "_sync_folder", synced.append)
    archive.write("a/b/c", b"x")
    root = tmp_path / "archive"
    assert set(synced) == {tmp_path, root, root / "a", root / "a/b"}
    synced.clear()
    archive.write("a/b/d", b"x")
    assert synced == [root / "a/b"]


def test_a_folder_that_cannot_be_written_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchiveError, match=r"cannot write .*: File exists"):
        LocalArchive(tmp_path / "file").ping()
    with pytest.raises(ArchiveError, match="cannot write a"):
        LocalArchive(tmp_path / "file").write("a", b"x")


def test_a_very_long_name_is_an_error_of_the_archive(archive: LocalArchive) -> None:
    with pytest.raises(ArchiveError, match="File name too long"):
        archive.write("x" * 300, b"x")


def test_a_url_opens_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space %41"
    open_archive(folder.as_uri()).write("a", b"x")
    assert (folder / "a").read_bytes() == b"x"
    open_archive(f"file://localhost{tmp_path}/other").write("a", b"y")
    assert (tmp_path / "other" / "a").read_bytes() == b"y"


@pytest.mark.parametrize("url", ["", "archive", "/archive", "file:archive", "file://host/archive", "s3://bucket/x"])
def test_a_url_of_no_archive_is_refused_with_what_would_do(url: str) -> None:
    with pytest.raises(ConfigurationError, match="file://"):
        open_archive(url)


def test_it_answers_only_where_ingest_can_write_what_it_writes(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    archive.write(RAW, b"kept")
    archive.ping()
    raw = tmp_path / "traffic-data" / "raw"
    raw.rename(tmp_path / "away")
    raw.write_text("in the way")
    with pytest.raises(ArchiveError, match="cannot write traffic-data/raw/_pending/probe: File exists"):
        archive.ping()
    raw.unlink()
    (tmp_path / "away").rename(raw)
    archive.ping()
    assert [entry.path for entry in archive.list("")] == [RAW]


def test_an_archive_that_was_moved_away_is_not_begun_anew_in_silence(tmp_path: Path) -> None:
    root, away = tmp_path / "archive", tmp_path / "away"
    archive = LocalArchive(root)
    archive.write(RAW, b"kept")
    root.rename(away)
    for use in (
        archive.ping,
        lambda: archive.write(RAW, b""),
        lambda: archive.delete(RAW),
        lambda: list(archive.list("")),
    ):
        with pytest.raises(ArchiveError, match=r"the folder .*/archive is gone .*: put it back"):
            use()
    root.mkdir()
    with pytest.raises(ArchiveError, match="is another folder than before"):
        archive.write(RAW, b"lost")
    root.rmdir()
    away.rename(root)
    assert archive.read(RAW) == b"kept"
    archive.ping()
