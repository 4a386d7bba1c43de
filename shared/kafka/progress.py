"""What a group of ours notes beside its offsets for whoever looks how far it has come. Pure."""

import json
from dataclasses import dataclass
from math import isfinite

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
        handled if type(handled) is int else None,
        float(flush_s) if type(flush_s) in {int, float} and flush_s > 0 and isfinite(flush_s) else None,
    )
