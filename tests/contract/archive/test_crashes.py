"""A writer may be killed at any moment: readers see whole objects or none."""

import signal
import subprocess
import sys

import pytest

from shared.archive.port import Archive
from tests.kit.places import ROOT

SIZE = 4 * 1024 * 1024

# Replaces one object again and again, each version of one repeated byte, and says when it has begun.
WRITER = """
import sys
from shared.archive.url import open_archive
archive = open_archive(sys.argv[1])
number = 0
while True:
    number += 1
    archive.write(f"{sys.argv[2]}/replaced", bytes([number % 256]) * int(sys.argv[3]))
    archive.write(f"{sys.argv[2]}/new-{number}", bytes([number % 256]) * int(sys.argv[3]))
    print(number, flush=True)
"""


@pytest.mark.parametrize("written_first", [1, 2, 3])
def test_a_killed_writer_leaves_whole_objects_only(
    archive: Archive, archive_url: str, folder: str, written_first: int
) -> None:
    command = [sys.executable, "-c", WRITER, archive_url, folder, str(SIZE)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(written_first):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    found = list(archive.list(folder))
    assert len(found) >= 1 + written_first
    assert {item.size_bytes for item in found} == {SIZE}
    for item in found:
        content = archive.read(item.path)
        assert content == content[:1] * SIZE
