"""What every archive promises about single objects and listings."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.archive.port import Archive, ArchivedObject
from shared.events.errors import ArchiveError

MEBIBYTE = 1024 * 1024
# Characters that paths of the layout use, and some that sort around the slash.
NAMES = st.text("ab09=+-_.% ", min_size=1, max_size=6).filter(
    lambda name: not name.startswith(".") and name.strip() == name
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def paths(archive: Archive, folder: str) -> list[str]:
    return [found.path for found in archive.list(folder)]


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)), b"traffic" * MEBIBYTE], ids=len)
def test_an_object_is_read_as_it_was_written(archive: Archive, folder: str, content: bytes) -> None:
    archive.write(f"{folder}/a/b.avro", content)
    assert archive.read(f"{folder}/a/b.avro") == content
    assert list(archive.list(folder)) == [ArchivedObject(f"{folder}/a/b.avro", len(content))]


def test_a_second_write_replaces_the_first(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/x", b"a longer first version")
    archive.write(f"{folder}/x", b"second")
    assert archive.read(f"{folder}/x") == b"second"
    assert list(archive.list(folder)) == [ArchivedObject(f"{folder}/x", 6)]


def test_what_is_not_there_cannot_be_read(archive: Archive, folder: str) -> None:
    with pytest.raises(ArchiveError, match="absent"):
        archive.read(f"{folder}/absent")


def test_a_folder_cannot_be_read_as_an_object(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/a/b", b"x")
    with pytest.raises(ArchiveError):
        archive.read(f"{folder}/a")


def test_an_object_cannot_lie_below_an_object(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/a", b"x")
    with pytest.raises(ArchiveError):
        archive.write(f"{folder}/a/b", b"y")
    assert paths(archive, folder) == [f"{folder}/a"]
    assert archive.read(f"{folder}/a") == b"x"


def test_a_folder_that_is_not_there_lists_nothing(archive: Archive, folder: str) -> None:
    assert paths(archive, f"{folder}/absent") == []


def test_an_object_is_no_folder_to_list(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/a", b"x")
    assert paths(archive, f"{folder}/a") == []


def test_a_prefix_is_a_folder_not_a_beginning(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/hour=1/a", b"x")
    archive.write(f"{folder}/hour=10/a", b"x")
    assert paths(archive, f"{folder}/hour=1") == [f"{folder}/hour=1/a"]


def test_the_empty_prefix_lists_all(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/a", b"x")
    everything = paths(archive, "")
    assert f"{folder}/a" in everything
    assert everything == sorted(everything)


def test_a_deleted_object_is_gone_and_may_be_written_again(archive: Archive, folder: str) -> None:
    archive.write(f"{folder}/a/b", b"x")
    archive.write(f"{folder}/a/c", b"y")
    archive.delete(f"{folder}/a/b")
    assert paths(archive, folder) == [f"{folder}/a/c"]
    with pytest.raises(ArchiveError):
        archive.read(f"{folder}/a/b")
    archive.write(f"{folder}/a/b", b"z")
    assert archive.read(f"{folder}/a/b") == b"z"


def test_deleting_what_is_not_there_is_no_error(archive: Archive, folder: str) -> None:
    archive.delete(f"{folder}/absent")
    archive.delete(f"{folder}/no/such/folder")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc/passwd", "a//b", "a/", "../a", "a/../../b", "a/./b", ".hidden", "a/.tmp/b", "a\nb", "a\0b", "a\\b"],
)
def test_no_path_leaves_the_archive_or_hides_in_it(archive: Archive, path: str) -> None:
    with pytest.raises(ArchiveError):
        archive.write(path, b"x")
    with pytest.raises(ArchiveError):
        archive.read(path)
    with pytest.raises(ArchiveError):
        archive.delete(path)
    if path:
        with pytest.raises(ArchiveError):
            list(archive.list(path))


def test_an_archive_that_works_answers(archive: Archive) -> None:
    archive.ping()


@given(contents=st.dictionaries(PATHS, st.binary(max_size=50), max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_listing_is_exactly_what_was_written_in_path_order(archive: Archive, contents: dict[str, bytes]) -> None:
    folder = f"contract/{uuid4().hex}"
    # A name cannot be an object and a folder at once.
    kept = {p: c for p, c in contents.items() if not any(other.startswith(f"{p}/") for other in contents)}
    for path, content in kept.items():
        archive.write(f"{folder}/{path}", content)
    expected = [ArchivedObject(f"{folder}/{path}", len(kept[path])) for path in sorted(kept)]
    assert list(archive.list(folder)) == expected
    assert {path: archive.read(f"{folder}/{path}") for path in kept} == kept


def test_threads_share_an_archive(archive: Archive, folder: str) -> None:
    def write(number: int) -> None:
        archive.write(f"{folder}/shared/{number % 10}", bytes([number % 10]) * 1000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(80)))
    assert paths(archive, folder) == [f"{folder}/shared/{digit}" for digit in range(10)]
    for digit in range(10):
        assert archive.read(f"{folder}/shared/{digit}") == bytes([digit]) * 1000
