"""A store and an archive that cannot be written say so when they are asked how they are."""

import resource
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.archive.url import open_archive
from shared.events.errors import ArchiveError, StoreError
from shared.store.url import open_store
from tests.kit.disks import fill, small_disk
from tests.kit.windows import processed_window

BYTES_ALLOWED = """
import resource, sys
from shared.archive.url import open_archive
from shared.events.errors import MetrlaError
from shared.store.url import open_store

part = open_store(sys.argv[2]) if sys.argv[1] == "store" else open_archive(sys.argv[2])
part.ping()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    part.ping()
except MetrlaError as said:
    print(said)
"""


def test_a_store_whose_disk_is_full_does_not_say_that_it_is_well(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 20) as disk, closing(open_store(f"sqlite:///{disk}/store.sqlite")) as store:
        store.put_aggregates([processed_window("a", "1", datetime(2012, 5, 2, tzinfo=UTC))])
        store.ping()
        filler = fill(disk)
        with pytest.raises(StoreError, match=r"only 0\.\d MB are left on the disk of .*/store\.sqlite"):
            store.ping()
        filler.unlink()
        store.ping()
        assert len(list(store.aggregates())) == 1


def test_an_archive_whose_disk_is_full_does_not_say_that_it_is_well(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk, closing(open_archive(f"file://{disk}/archive")) as archive:
        archive.ping()
        filler = fill(disk)
        with pytest.raises(ArchiveError, match="cannot write traffic-data/raw/_pending/probe: No space left on device"):
            archive.ping()
        filler.unlink()
        archive.ping()
        assert not [path for path in (disk / "archive").rglob("*") if path.is_file()]


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY, reason="limited already")
@pytest.mark.parametrize(
    ("part", "url", "allowed"), [("store", "sqlite:///{}/s.sqlite", 4096), ("archive", "file://{}/a", 0)]
)
def test_what_may_not_grow_says_so(tmp_path: Path, part: str, url: str, allowed: int) -> None:
    """A limit that no free space shows, as a quota."""
    call = [sys.executable, "-c", BYTES_ALLOWED, part, url.format(tmp_path), str(allowed)]
    said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert said.startswith(("store: cannot take rows", "archive: cannot write"))
