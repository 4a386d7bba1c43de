"""The `Archive` in a local folder: what a laptop, a test and a single server use."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR

from shared.archive.layout import PROBE_PATH
from shared.archive.port import STALE_AFTER_S, TEMPORARY, ArchivedObject, check_path, draft_name
from shared.events.errors import ArchiveError

PROBE_BYTES = 64 * 1024


class LocalArchive:
    """Objects are files below `root`, written under a temporary name, synced to disk, then renamed into place.

    Safe for several threads and processes at once. The folder is made by the first write, so that looking at an
    archive that does not exist leaves nothing behind. Once it was seen, it must stay where it is: one that was moved
    away or unmounted is not begun anew in silence.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._temporary = self._root / TEMPORARY
        self._identity: tuple[int, int] | None = None
        self._remove_stale()

    def write(self, path: str, content: bytes) -> None:
        """See `Archive.write`; on return the object survives a power failure."""
        target = self._locate(path)
        with _failing_as(f"write {path}"):
            self._make_folder(self._temporary)
            draft = self._temporary / draft_name()
            try:
                with draft.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                self._make_folder(target.parent)
                draft.replace(target)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)
        self._require_root()

    def read(self, path: str) -> bytes:
        """See `Archive.read`."""
        with _failing_as(f"read {path}"):
            return self._locate(path).read_bytes()

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        """See `Archive.list`; reads one folder at a time."""
        if not prefix:
            self._require_root()
        folder = self._locate(prefix) if prefix else self._root
        with _failing_as(f"list {prefix!r}"):
            yield from _walk(folder, f"{prefix}/" if prefix else "")

    def delete(self, path: str) -> None:
        """See `Archive.delete`."""
        with _failing_as(f"delete {path}"):
            target = self._locate(path)
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                _sync_folder(target.parent)

    def ping(self) -> None:
        """See `Archive.ping`: writes and removes an object of some size; a full disk takes an empty one."""
        self.write(PROBE_PATH, bytes(PROBE_BYTES))
        self.delete(PROBE_PATH)

    def close(self) -> None:
        """Nothing is held open."""

    def _locate(self, path: str) -> Path:
        check_path(path)
        self._require_root()
        return self._root / path

    def _require_root(self) -> None:
        """Raise `ArchiveError` where the archive's folder is not the one that was there before."""
        try:
            found = self._root.stat()
        except OSError as gone:
            if self._identity is None:
                return
            raise ArchiveError(
                f"archive: the folder {self._root} is gone ({gone.strerror}): put it back, or restart the services to "
                "begin an empty one"
            ) from gone
        identity = found.st_dev, found.st_ino
        if self._identity not in {None, identity}:
            raise ArchiveError(
                f"archive: {self._root} is another folder than before: put it back, or restart the services to use this"
            )
        if self._identity is not None or S_ISDIR(found.st_mode):
            self._identity = identity

    def _make_folder(self, folder: Path) -> None:
        """Make `folder` and what is missing above it, each entry synced into its parent."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for made in reversed(missing):
            made.mkdir(exist_ok=True)
            _sync_folder(made.parent)

    def _remove_stale(self) -> None:
        """Remove what writers that died left unfinished; what is younger may belong to a living one."""
        oldest = time.time() - STALE_AFTER_S
        with suppress(OSError), os.scandir(self._temporary) as drafts:
            for draft in drafts:
                with suppress(OSError):
                    if draft.stat().st_mtime < oldest:
                        Path(draft.path).unlink(missing_ok=True)


def _walk(folder: Path, prefix: str) -> Iterator[ArchivedObject]:
    """Files below `folder` in the order of their whole paths: a folder sorts as its name with the slash."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((f"{entry.name}/" if entry.is_dir() else entry.name, entry) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in found:
        if name.startswith("."):
            continue
        if name.endswith("/"):
            yield from _walk(Path(entry.path), f"{prefix}{name}")
        else:
            with suppress(FileNotFoundError):
                yield ArchivedObject(f"{prefix}{name}", entry.stat().st_size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _failing_as(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as failed:
        raise ArchiveError(f"archive: cannot {action}: {failed.strerror or failed}") from failed
