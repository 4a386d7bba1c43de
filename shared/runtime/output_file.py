"""The one way in which a file that a person named is written: whole or not at all, and where the name leads.

A symbolic link is followed: what it names is written, and the link stays. Over a regular file, or where there is none,
the content is written beside it and takes its place at the end, with the owner, group and mode of the file that was
there. What is no regular file (a device, a pipe, standard output as `/dev/stdout`) is never replaced but written to.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from shared.events.errors import ConfigurationError
from shared.events.text import one_line

PUBLIC_MODE = 0o666
"""Of a new file, less the umask of the process."""
PRIVATE_MODE = 0o600
NAME_CHARACTERS = 60
"""Of a name, in that of the file that is to take its place: file systems allow 255 bytes."""


@contextmanager
def output_file(
    path: Path, *, binary: bool = False, new_mode: int = PUBLIC_MODE, option: str = ""
) -> Iterator[IO[Any]]:
    """A file to write to; text is UTF-8, and its line ends stay as they are written.

    Args:
        path: where to; its folder must be there.
        binary: for bytes instead of text.
        new_mode: permissions of a file that was not there, less the umask.
        option: what named the file, for the error.

    Raises:
        ConfigurationError: it cannot be written, or not with the owner of the file that is there.
    """
    shown = f"{option} {path}".lstrip()
    with _failing_as(shown):
        state = _state(path)
        stream = None if state is None else _standard_stream(state)
    if stream is not None or (state is not None and not stat.S_ISREG(state.st_mode)):
        with _failing_as(shown):
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC) if stream is None else os.dup(stream)
        with _opened(handle, binary=binary) as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name[:NAME_CHARACTERS]}.{os.getpid()}.partial")
    with _failing_as(shown):
        mode = new_mode if state is None else PRIVATE_MODE
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with _opened(handle, binary=binary) as file:
            if state is not None:
                _keep_rights(shown, handle, state)
            yield file
            file.flush()
            os.fsync(handle)
        with _failing_as(shown):
            partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def _failing_as(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as failed:
        raise ConfigurationError(f"{shown}: {failed.strerror or one_line(failed)}") from failed


def _state(path: Path) -> os.stat_result | None:
    """What the name leads to, `None` where there is nothing."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _standard_stream(state: os.stat_result) -> int | None:
    """The stream that a file is already open as: `> x.csv` with `/dev/stdout`, which a new file would not replace."""
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and os.path.samestat(os.fstat(stream.fileno()), state):
                return stream.fileno()
        except (OSError, ValueError):
            continue
    return None


def _opened(handle: int, *, binary: bool) -> IO[Any]:
    return os.fdopen(handle, "wb") if binary else os.fdopen(handle, "w", encoding="utf-8", newline="")


def _keep_rights(shown: str, handle: int, state: os.stat_result) -> None:
    """Give the file at `handle` owner, group and mode of the one that it is to replace."""
    ours = os.fstat(handle)
    try:
        if (state.st_uid, state.st_gid) != (ours.st_uid, ours.st_gid):
            os.fchown(handle, state.st_uid, state.st_gid)
        os.fchmod(handle, stat.S_IMODE(state.st_mode) & 0o777)
    except OSError as refused:
        # Whoever was to read it could do so no longer, and would never hear of the change.
        raise ConfigurationError(
            f"{shown}: it belongs to user {state.st_uid} and group {state.st_gid}, which cannot be kept: "
            "run this as its owner, or remove the file first"
        ) from refused
