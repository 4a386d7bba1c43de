"""The folder that a demo writes to: its own, and emptied for every run."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.events.errors import ConfigurationError

MARKER = "metrla-demo"


@contextmanager
def claimed_anew(state: Path) -> Iterator[None]:
    """Empty `state` of an earlier demo and hold it for this one.

    Emptied, because the embedded broker starts from offset 0, and so must all that follows it.

    Raises:
        ConfigurationError: a running demo uses it, or it holds files that no demo wrote.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_name(f"{state.name}.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise ConfigurationError(f"another demo uses {state}; choose another --state") from held
        marker = state / MARKER
        if state.exists() and any(state.iterdir()) and not marker.exists():
            raise ConfigurationError(f"{state} is not empty and not of an earlier demo; choose another --state")
        with suppress(FileNotFoundError):
            shutil.rmtree(state)
        state.mkdir()
        marker.touch()
        yield
