"""The `Archive` port: named immutable objects, written whole or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


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
        """Return when the archive answers and can be written, else raise `ArchiveError`."""

    def close(self) -> None:
        """Release connections; the archive is not used afterwards."""
