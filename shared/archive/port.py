"""The `Archive` port: named immutable objects, written whole or not at all; and what every implementation keeps to."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from shared.events.errors import ArchiveError

# One folder for all unfinished writes: a rename from it is atomic, and what a dead writer left there is found without
# walking the archive. No path of an object begins a segment with a dot, so none can lie in it.
TEMPORARY = ".temporary"
STALE_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class ArchivedObject:
    """What a listing tells of one object: its path below the archive's root ('a/b/c', no leading slash) and bytes."""

    path: str
    size_bytes: int


class Archive(Protocol):
    """A tree of immutable objects. Calls block; services run them off the event loop, a batch a call.

    Paths are relative, '/'-separated. Every method raises `ArchiveError` when the archive cannot do what was asked.
    """

    def write(self, path: str, content: bytes) -> None:
        """Store `content` under `path`, replacing what was there; a reader sees the old or the whole new object."""

    def read(self, path: str) -> bytes:
        """The content of `path`; raises `ArchiveError` where there is none."""

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        """Every object below the folder `prefix` ('' for all), in path order; none where the folder does not exist."""

    def delete(self, path: str) -> None:
        """Remove `path`; no error where there is none."""

    def ping(self) -> None:
        """Return when the archive answers and can be written where ingest writes, else raise `ArchiveError`."""

    def close(self) -> None:
        """Release connections; the archive is not used afterwards."""


def check_path(path: str) -> None:
    """Raise `ArchiveError` unless `path` is one of an object or folder below the archive's root."""
    for segment in path.split("/"):
        if not segment or segment.startswith(".") or "\\" in segment or not segment.isprintable():
            raise ArchiveError(f"{path!r} is not a path in the archive: {segment!r} is not a safe name")


def draft_name() -> str:
    """A name for an unfinished object that no other writer has."""
    return secrets.token_hex(16)
