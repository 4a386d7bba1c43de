"""The table of an HDF5 file, as pandas writes one.

HDF5's library can crash the process that opens a damaged file. A file is therefore first read to its end by a process
of its own, which is this module run as a script: `python -m metrla.data.feeds.files.hdf5 FILE`. There and here alike,
Python objects in the file run no code: `unpickling` says what is read of them.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.events.errors import ConfigurationError
from shared.events.text import one_line

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("/df", "/speed")
"""Which table is read of a file that has several."""
PROBE_ROWS = 8192
PROBE_LIMIT_S = 600.0
EXIT_REFUSED = 2
HOLDS_OBJECTS = "it holds a Python object ({}), which could run code: convert it to CSV or Parquet where you trust it"
UNREADABLE = "not a readable HDF5 file"


def read_hdf5(path: Path, rows: int) -> Iterator["pd.DataFrame"]:
    """Pieces of `rows` rows of the only table, or of the one named `df` or `speed`.

    Raises:
        ConfigurationError: the file cannot be read, or none of several tables has such a name.
    """
    _require_sound(path)
    yield from _read(path, rows)


def _require_sound(path: Path) -> None:
    state = path.stat()
    if fault := _fault(str(path.absolute()), state.st_mtime_ns, state.st_size):
        raise ConfigurationError(f"{path}: {fault}")


@lru_cache(maxsize=64)
def _fault(path: str, modified_ns: int, size_bytes: int) -> str:
    """Why a file in this state cannot be read, asked once; '' where it can."""
    del modified_ns, size_bytes
    command = [sys.executable, "-m", __name__, path]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_LIMIT_S, check=False)  # noqa: S603 - ourselves
    except subprocess.TimeoutExpired:
        return f"{UNREADABLE}: reading it takes longer than {PROBE_LIMIT_S:g} s"
    if done.returncode == 0:
        return ""
    if done.returncode == EXIT_REFUSED:
        return done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"{UNREADABLE}: HDF5's library fails on it"


def _read(path: Path, rows: int) -> Iterator["pd.DataFrame"]:
    import numpy as np  # noqa: PLC0415 - as pandas
    import pandas as pd  # noqa: PLC0415 - half a second that other commands need not wait
    from tables import HDF5ExtError  # noqa: PLC0415 - likewise

    from metrla.data.feeds.files.unpickling import (  # noqa: PLC0415 - likewise
        RefusedObjectError,
        plain_values_only,
    )

    try:
        with plain_values_only(), pd.HDFStore(path, mode="r") as opened:
            store: Any = opened
            keys = store.keys()
            key = keys[0] if len(keys) == 1 else next((key for key in TABLES if key in keys), None)
            if key is None:
                listed = ", ".join(keys) or "(none)"
                raise ConfigurationError(f"{path}: of the tables {listed} none is df or speed")
            # Of pandas' 'table' format its shape is a number alone.
            for first in range(0, int(np.ravel(store.get_storer(key).shape)[0]), rows):
                table: Any = store.select(key, start=first, stop=first + rows)
                yield table
    except HDF5ExtError as damaged:
        raise ConfigurationError(f"{path}: not a readable HDF5 file") from damaged
    except RefusedObjectError as refused:
        raise ConfigurationError(f"{path}: {HOLDS_OBJECTS.format(refused)}") from refused


def _probe(path: str) -> int:
    """Read all of a file; says on stderr why that cannot be done."""
    try:
        for _ in _read(Path(path), PROBE_ROWS):
            pass
    except ConfigurationError as refused:
        # The file is named by whoever asked.
        sys.stderr.write(f"\n{one_line(str(refused).removeprefix(f'{path}: '))}\n")
        return EXIT_REFUSED
    except Exception as fault:  # noqa: BLE001 - it is what this process is for
        sys.stderr.write(f"\n{UNREADABLE}: {one_line(fault)}\n")
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_probe(sys.argv[1]))
