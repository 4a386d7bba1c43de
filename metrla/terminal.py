"""The one way to a terminal: whatever is printed, from wherever it came, is made printable here.

Titles, ids, names of files, cards of models: any text that the command prints may be somebody else's, and could steer
the terminal. So nothing in `metrla` writes to standard output or error but through this module; a test looks for it.
"""

from collections.abc import Iterable
from typing import IO, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from typer.exceptions import TyperException

from shared.events.text import one_line, shown
from shared.runtime.process import EXIT_FAILED

MOST_OF_A_REFUSAL = 500
"""Characters of a usage error, which repeats what was given."""


class PrintableConsole(Console):
    """A console that shows every text escaped where it is not printable; its own control codes (colours) stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as segments, as overridden."""
        for segment in super().render(renderable, options):
            if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                yield segment
            else:
                yield Segment(shown(segment.text), segment.style)


def console(*, err: bool = False, file: IO[str] | None = None, width: int | None = None) -> Console:
    """A console for standard output, standard error or `file`; brackets are text, no markup."""
    return PrintableConsole(stderr=err, file=file, width=width, markup=False, highlight=False)


def say(text: str, *, err: bool = False, newline: bool = True) -> None:
    """Print a text to standard output, or to standard error."""
    typer.echo(shown(text), err=err, nl=newline)


def confirm(question: str) -> None:
    """Go on only if whoever sits there says yes; raises `typer.Abort`."""
    typer.confirm(shown(question), abort=True)


def run_command(app: typer.Typer, program: str) -> int:
    """Run a command with the arguments of this process; returns its exit code.

    What Typer refuses (unknown options, missing arguments, values that are none) is one plain line on standard error.
    """
    try:
        code = app(standalone_mode=False, prog_name=program)
    except TyperException as refused:
        return refuse(refused, program)
    except typer.Abort:
        say(f"{program}: aborted", err=True)
        return EXIT_FAILED
    return code if isinstance(code, int) else 0


def refuse(refused: TyperException, program: str) -> int:
    """Say what was wrong in the call of a command; returns its exit code."""
    context: Any = getattr(refused, "ctx", None)
    said = one_line(refused.format_message(), MOST_OF_A_REFUSAL)
    # Without arguments, Typer has shown its help already, and says nothing more.
    if said:
        where = program if context is None else context.command_path
        say(f"{program}: {said.rstrip('.')} (`{where} --help` says more)", err=True)
    return refused.exit_code
