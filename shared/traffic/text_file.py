"""Text files that people make: read as UTF-8, and what is wrong with one said in one line."""

from pathlib import Path

from shared.events.errors import ConfigurationError

SHOWN_CHARACTERS = 60
LINE_CHARACTERS = 200
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


def one_line(error: BaseException) -> str:
    """What an error says, as one printable line of bounded length."""
    return shortened(str(error)) or type(error).__name__


def shortened(text: str) -> str:
    """Text as one printable line of bounded length."""
    line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in " ".join(text.split()))
    return line if len(line) <= LINE_CHARACTERS else f"{line[:LINE_CHARACTERS]}..."


def shown(value: object) -> str:
    """A value of a file as one line can carry it: quoted, escaped, cut."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
