"""Text files that people make: read as UTF-8, and what is wrong with one said in one line."""

from pathlib import Path

from shared.events.errors import ConfigurationError
from shared.events.text import one_line

MAX_BYTES = 64 * 1024 * 1024
"""A table of all detectors of California is a tenth of it."""


def read_text(path: Path) -> str:
    """The text of a small file, without a byte order mark.

    Raises:
        ConfigurationError: it cannot be read, is larger than `MAX_BYTES` or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"{path}: larger than {MAX_BYTES // 2**20} MiB, which no such table is")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise ConfigurationError(not_utf8(path, wrong)) from wrong
    except OSError as unreadable:
        raise ConfigurationError(f"{path}: {unreadable.strerror or one_line(unreadable)}") from unreadable


def not_utf8(path: Path, wrong: UnicodeDecodeError) -> str:
    """What to say of a file that is not UTF-8."""
    byte = wrong.object[wrong.start]
    if wrong.object[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return f"{path}: it is UTF-16: save it as UTF-8"
    return f"{path}: not UTF-8 (byte 0x{byte:02x} at {wrong.start}), perhaps Latin-1: save it as UTF-8"
