"""Of several name nodes, those that are away do not matter."""

from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest

from shared.archive.port import Archive
from shared.archive.url import open_archive


def test_a_name_node_that_is_away_is_passed_over(archive: Archive, archive_url: str, folder: str) -> None:
    parts = urlsplit(archive_url)
    if parts.scheme == "file":
        pytest.skip("a folder has no name nodes")
    both = urlunsplit(parts._replace(netloc=f"127.0.0.1:1,{parts.netloc}"))
    with closing(open_archive(both)) as other:
        other.ping()
        other.write(f"{folder}/a", b"x")
        assert other.read(f"{folder}/a") == archive.read(f"{folder}/a") == b"x"
        assert [found.path for found in other.list(folder)] == [f"{folder}/a"]
