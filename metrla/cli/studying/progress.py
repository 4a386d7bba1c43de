"""Progress of long work in stages: a bar for each with the time left, or a line for each where there is no terminal."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from metrla.terminal import console, say


@dataclass
class ProgressBars:
    """The bars of one run, one for each stage; each appears with the first report of its stage."""

    bar: Progress
    quiet: bool
    interrupted: bool = False
    _tasks: dict[str, TaskID] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def __call__(self, stage: str, done: float, total: float, note: str = "") -> None:
        """Show that `done` of `total` parts of a stage are done, with a short note beside the bar: a `StageProgress`.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed since the last call.
        """
        if self.interrupted:
            raise KeyboardInterrupt
        if stage not in self._tasks:
            self._tasks[stage] = self.bar.add_task(stage.replace("_", " "), total=total, note=note)
            self._began[stage] = time.monotonic()
        self.bar.update(self._tasks[stage], completed=done, total=total, note=note)
        if done >= total and stage not in self._ended:
            self._ended.add(stage)
            if self.quiet:
                seconds = time.monotonic() - self._began[stage]
                say(f"{stage}: {note or 'done'} ({seconds:.0f} s)", err=True)


@contextmanager
def progress_bars() -> Iterator[ProgressBars]:
    """Bars on standard error while the block runs; plain lines where that is no terminal.

    Ctrl-C ends the block at the next report of a finished part: an exception raised in the middle, in a callback from
    C, may get lost in the libraries that fit models, which then go on with half of their data. A second Ctrl-C raises
    at once.

    Raises:
        KeyboardInterrupt: after the block, where no further part was reported.
    """
    terminal = console(err=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Progress(
        *columns, console=terminal, redirect_stdout=False, redirect_stderr=False, disable=not terminal.is_terminal
    ) as bar:
        run = ProgressBars(bar, quiet=not terminal.is_terminal)

        def interrupt(number: int, frame: FrameType | None) -> None:
            if run.interrupted:
                signal.default_int_handler(number, frame)
            run.interrupted = True

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield run
        finally:
            signal.signal(signal.SIGINT, before)
        if run.interrupted:
            raise KeyboardInterrupt
