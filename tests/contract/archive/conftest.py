"""Every archive that metrla can use. A new one is one entry in `ARCHIVES`; the suite must pass on it unchanged.

Tests share an archive and write each below a folder of its own, so that real servers need no cleaning.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from shared.archive.opening import open_archive
from shared.archive.port import Archive


def local_folder(scratch: Path) -> str:
    return (scratch / "archive").as_uri()


# From a scratch folder to an archive's URL; skips, with a reason, where the server it needs is not there.
ARCHIVES: dict[str, Callable[[Path], str]] = {"local": local_folder}


@pytest.fixture(scope="module", params=ARCHIVES)
def archive_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return ARCHIVES[request.param](tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def archive(archive_url: str) -> Iterator[Archive]:
    with closing(open_archive(archive_url)) as opened:
        yield opened


@pytest.fixture
def folder() -> str:
    return f"contract/{uuid4().hex}"
