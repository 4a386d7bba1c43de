"""The weights that come with metrla, as an archive that can only be read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Never

from shared.archive.layout import CARD_FILE, MODELS_ROOT
from shared.archive.port import Archive, ArchivedObject
from shared.events.errors import ArchiveError

SHIPPED = Path(__file__).parents[1] / "pretrained"
"""`<network id>/<model name>/<version>/<file>`, as below `MODELS_ROOT` in an archive."""


class PretrainedModels:
    """What lies in `root` appears under the paths that models have in any archive."""

    def __init__(self, root: Path = SHIPPED) -> None:
        self._root = root

    @property
    def networks(self) -> Sequence[str]:
        """The ids of the networks that there are models for."""
        return sorted(folder.name for folder in self._root.glob("*") if folder.is_dir())

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        """See `Archive.list`."""
        for file in sorted(self._root.rglob("*")):
            path = f"{MODELS_ROOT}/{file.relative_to(self._root).as_posix()}"
            if file.is_file() and (not prefix or path.startswith(f"{prefix}/")):
                yield ArchivedObject(path, file.stat().st_size)

    def read(self, path: str) -> bytes:
        """See `Archive.read`."""
        try:
            return (self._root / path.removeprefix(f"{MODELS_ROOT}/")).read_bytes()
        except OSError as failed:
            raise ArchiveError(f"cannot read {path} of the models that come with metrla: {failed.strerror}") from failed

    def write(self, path: str, content: bytes) -> Never:
        """Never."""
        del content
        raise ArchiveError(f"cannot write {path}: the models that come with metrla do not change")

    def delete(self, path: str) -> Never:
        """Never."""
        raise ArchiveError(f"cannot delete {path}: the models that come with metrla do not change")

    def ping(self) -> Never:
        """Never: it cannot be written."""
        raise ArchiveError("the models that come with metrla do not change")

    def close(self) -> None:
        """Nothing is open."""


def install(source: Archive, archive: Archive, prefix: str) -> Sequence[str]:
    """Copy everything below `prefix`; returns the paths. Cards come last: a version without one does not exist yet.

    Raises:
        ArchiveError: an archive does not do what is asked.
    """
    paths = [found.path for found in source.list(prefix)]
    in_order = sorted(paths, key=lambda path: path.endswith(f"/{CARD_FILE}"))
    for path in in_order:
        archive.write(path, source.read(path))
    return in_order
