"""What a group of ours notes beside its offsets for whoever looks how far it has come. Pure."""

import json
from dataclasses import dataclass

LONGEST_FLUSH_S = 1e6
ARCHIVE_GROUP = "metrla-ingest-archive"
WINDOWS_GROUP = "metrla-ingest-windows"
"""The two groups of ingest, which read `traffic-events`."""


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """What the metadata of a committed offset tells beyond it.

    Attributes:
        handled: offset of the first record that was not read yet, where what is committed is further back.
        flush_s: longest time that records are collected before they are written, seconds.
    """

    handled: int | None = None
    flush_s: float | None = None

    def metadata(self) -> str:
        """It, to be committed."""
        return json.dumps({"handled": self.handled, "flush_s": self.flush_s}, separators=(",", ":"))


def read_progress(metadata: str) -> GroupProgress:
    """What the metadata of an offset tells; nothing where somebody else wrote it."""
    try:
        fields = json.loads(metadata)
    except (ValueError, RecursionError):
        return GroupProgress()
    if not isinstance(fields, dict):
        return GroupProgress()
    handled, flush_s = fields.get("handled"), fields.get("flush_s")
    return GroupProgress(
        handled if isinstance(handled, int) and not isinstance(handled, bool) else None,
        float(flush_s) if isinstance(flush_s, int | float) and 0 < flush_s < LONGEST_FLUSH_S else None,
    )
