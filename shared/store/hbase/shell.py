"""Tables made by the HBase shell, which can do what Thrift cannot: split them in advance."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from shared.events.errors import ConfigurationError, StoreError
from shared.store.hbase.rowkeys import splits
from shared.store.hbase.rows import FAMILY, TABLES
from shared.store.hbase.tables import TableOptions

SHELL_TIMEOUT_S = 300
SAID_LINES = 5


def shell_script(prefix: str, options: TableOptions, regions: int) -> str:
    """Commands that make the tables which are not there, split by the hash that row keys begin with.

    Raises:
        ConfigurationError: too many regions, or none.
    """
    try:
        places = ", ".join(f"'{place}'" for place in splits(regions))
    except ValueError as wrong:
        raise ConfigurationError(str(wrong)) from wrong
    split = f", SPLITS => [{places}]" if places else ""
    lines = (_create(table, f"{prefix}_{table}" if prefix else table, options, split) for table in TABLES)
    return "".join(lines) + "exit\n"


def _create(table: str, name: str, options: TableOptions, split: str) -> str:
    seconds = options.time_to_live_s(table)
    lifetime = "" if seconds is None else f", TTL => {seconds}"
    family = (
        f"{{NAME => '{FAMILY}', VERSIONS => 1, COMPRESSION => '{options.compression}', BLOOMFILTER => 'ROW',"
        f" DATA_BLOCK_ENCODING => 'FAST_DIFF'{lifetime}}}"
    )
    return f"create '{name}', {family}{split} unless exists('{name}')\n"


def run_script(shell: Sequence[str], script: str) -> None:
    """Run a script by a command such as `hbase shell`.

    Raises:
        ConfigurationError: there is no such command.
        StoreError: the shell failed; the message holds the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tables.rb"
        file.write_text(script, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                [*shell, "-n", str(file)], capture_output=True, text=True, check=False, timeout=SHELL_TIMEOUT_S
            )
        except OSError as missing:
            raise ConfigurationError(f"cannot run the HBase shell {' '.join(shell)!r}: {missing.strerror}") from missing
        except subprocess.TimeoutExpired as late:
            raise StoreError(f"store: the HBase shell did not end within {SHELL_TIMEOUT_S} s") from late
    said = (done.stdout + done.stderr).strip()
    if done.returncode:
        raise StoreError("store: the HBase shell failed:\n" + "\n".join(said.splitlines()[-SAID_LINES:]))
