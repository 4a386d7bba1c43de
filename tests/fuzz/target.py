"""One thing to fuzz: what goes in, and what must hold of what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder or a reader, with the inputs that it is tried with.

    Args:
        name: as on the command line.
        inputs: literals of Python (bytes, text, numbers, tuples, lists, dictionaries), so that a file can hold one.
        check: hands one input to the product; whatever it raises is a finding.
        examples: of a bounded run, so that it takes about a second.
    """

    name: str
    inputs: SearchStrategy[Any]
    check: Callable[[Any], None]
    examples: int = 60
