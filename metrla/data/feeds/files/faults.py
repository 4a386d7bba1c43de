"""What readers of files raise, turned into one line that names the file."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import error as zlib_error

from shared.events.errors import ConfigurationError
from shared.events.text import one_line
from shared.traffic.text_file import not_utf8

READ_FAULTS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    zlib_error,
    csv.Error,
)
"""What pandas, PyArrow, PyTables and gzip raise for a file that is damaged or of another kind."""


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Raise `ConfigurationError` instead of what libraries raise; `kind` says what the file is to be ('a table')."""
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file")
    try:
        yield
    except ConfigurationError:
        raise
    except UnicodeDecodeError as wrong:
        raise ConfigurationError(not_utf8(path, wrong)) from wrong
    except READ_FAULTS as wrong:
        raise ConfigurationError(f"{path}: not {kind}: {one_line(wrong)}") from wrong
