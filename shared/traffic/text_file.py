"""Small files that people make: read within bounds, text as UTF-8, and what is wrong with one said in one line."""

from pathlib import Path

from shared.events.errors import ConfigurationError
from shared.events.text import one_line

MAX_BYTES = 64 * 1024 * 1024
"""A table of all detectors of California is a tenth of it."""
OTHER_KINDS = {
    b"PK\x03\x04": "a zip file (or a spreadsheet): unpack it, or save it as text",
    b"\x1f\x8b": "compressed with gzip: unpack it",
    b"BZh": "compressed with bzip2: unpack it",
    b"\xfd7zXZ\x00": "compressed with xz: unpack it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file: name it .h5",
    b"PAR1": "a Parquet file: name it .parquet",
    b"SQLite format 3\x00": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save it as CSV",
    b"%PDF": "a PDF",
    b"\x00\x00\xfe\xff": "UTF-32: save it as UTF-8",
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
}
"""What a file is that begins so, where text was to be."""
SPREADSHEETS = (b"[Content_Types].xml", b"opendocument.spreadsheet")
"""What the first bytes of those that are zip files have in them: .xlsx, .ods."""
BEGINNING_BYTES = 64
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical lines"}


def read_small_file(path: Path, most_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigurationError: it cannot be read, is no regular file (a pipe or a device may never end) or is too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{path}: no regular file")
        # The size that is told of a file need not be true: those of /proc have none.
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as unreadable:
        raise ConfigurationError(f"{path}: {unreadable.strerror or one_line(unreadable)}") from unreadable
    if len(data) > most_bytes:
        raise ConfigurationError(f"{path}: larger than {most_bytes // 2**20} MiB, which no such file is")
    return data


def read_text(path: Path) -> str:
    """The text of a small file, without a byte order mark, its line ends as newlines.

    Raises:
        ConfigurationError: as of `read_small_file`, or it is not UTF-8.
    """
    data = read_small_file(path)
    if other := other_kind(data):
        raise ConfigurationError(f"{path}: it is {other}")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as wrong:
        raise ConfigurationError(not_utf8(path, wrong)) from wrong


def other_kind(data: bytes) -> str:
    """What a file that is to be text is instead, by its first bytes, and what to do; empty where nothing tells."""
    found = next((kind for sign, kind in OTHER_KINDS.items() if data.startswith(sign)), "")
    # ASCII in UTF-16 without a mark: every second byte is zero.
    beginning = data[:BEGINNING_BYTES]
    if any(sign in beginning for sign in SPREADSHEETS):
        return "a spreadsheet: save its sheet as CSV"
    if not found and (any(beginning[0::2]) != any(beginning[1::2])) and len(beginning) > 1:
        return "UTF-16: save it as UTF-8"
    return found


def not_utf8(path: Path, wrong: UnicodeDecodeError) -> str:
    """What to say of a file that is not UTF-8."""
    byte, place = wrong.object[wrong.start], wrong.start
    return f"{path}: not UTF-8 (byte 0x{byte:02x} at {place}), perhaps Latin-1: save it as UTF-8"


def other_separator(header: str) -> str:
    """What separates the columns of a first line that has no comma, in words; empty where nothing does."""
    found = max(SEPARATORS, key=header.count)
    return SEPARATORS[found] if "," not in header and found in header else ""
