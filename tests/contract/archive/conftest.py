"""Every archive that metrla can use. A new one is one entry in `ARCHIVES`; the suite must pass on it unchanged.

Tests share an archive and write each below a folder of its own.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from hdfs import InsecureClient

from shared.archive.port import Archive
from shared.archive.url import open_archive
from shared.archive.webhdfs import WebHdfsAddress

HDFS_VARIABLE = "METRLA_TEST_WEBHDFS_URL"


@contextmanager
def local_folder(scratch: Path) -> Iterator[str]:
    yield (scratch / "archive").as_uri()


@contextmanager
def hdfs_folder(scratch: Path) -> Iterator[str]:
    """Give a folder of its own on the HDFS that a variable names, removed afterwards."""
    del scratch
    given = os.environ.get(HDFS_VARIABLE)
    if not given:
        pytest.skip(f"{HDFS_VARIABLE} is not set")
    parts = urlsplit(given)
    url = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/metrla-contract-{uuid4().hex}"))
    yield url
    address = WebHdfsAddress.parse(url)
    assert InsecureClient(";".join(address.name_nodes), user=address.user).delete(address.root, recursive=True)


# From a scratch folder to an archive's URL; skips, with a reason, where the server it needs is not there.
ARCHIVES = {"local": local_folder, "hdfs": hdfs_folder}


@pytest.fixture(scope="module", params=["local", pytest.param("hdfs", marks=pytest.mark.real)])
def archive_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ARCHIVES[request.param](tmp_path_factory.mktemp("archive")) as url:
        yield url


@pytest.fixture(scope="module")
def archive(archive_url: str) -> Iterator[Archive]:
    with closing(open_archive(archive_url)) as opened:
        yield opened


@pytest.fixture
def folder() -> str:
    return f"contract/{uuid4().hex}"
