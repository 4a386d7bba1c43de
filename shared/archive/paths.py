"""Which paths an archive takes, and where unfinished objects stand. Pure."""

import secrets

from shared.events.errors import ArchiveError

# One folder for all unfinished writes: a rename from it is atomic, and what a dead writer left there is found without
# walking the archive. No path of an object begins a segment with a dot, so none can lie in it.
TEMPORARY = ".temporary"
STALE_AFTER_S = 3600.0


def check_path(path: str) -> None:
    """Raise `ArchiveError` unless `path` is one of an object or folder below the archive's root."""
    for segment in path.split("/"):
        if not segment or segment.startswith(".") or "\\" in segment or not segment.isprintable():
            raise ArchiveError(f"{path!r} is not a path in the archive: {segment!r} is no safe name")


def draft_name() -> str:
    """A name for an unfinished object that no other writer has."""
    return secrets.token_hex(16)
