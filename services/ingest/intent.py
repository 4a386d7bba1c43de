"""What the archiver is about to write, noted before it writes, so that nobody has to search after a crash. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.errors import ArchiveError


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a flush; offsets are inclusive."""

    path: str
    first_offset: int
    last_offset: int


def write_intent(files: Sequence[PlannedFile]) -> bytes:
    """The content of the intent file of one partition."""
    plan = [{"path": file.path, "first_offset": file.first_offset, "last_offset": file.last_offset} for file in files]
    return json.dumps({"files": plan}, indent=1).encode()


def leftovers(intent: bytes, committed: int) -> list[str]:
    """Paths of the intent whose records will be read again, because the group committed offset `committed`.

    Raises:
        ArchiveError: this is not an intent file; an operator must look before anything is written beside it.
    """
    try:
        files = [
            PlannedFile(str(file["path"]), int(file["first_offset"]), int(file["last_offset"]))
            for file in json.loads(intent)["files"]
        ]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as damaged:
        raise ArchiveError(f"the archiver's intent file is damaged: {damaged!r}") from damaged
    return [file.path for file in files if file.last_offset >= committed]
