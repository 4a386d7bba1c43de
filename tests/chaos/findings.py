"""What an audit found, area by area. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose

from tests.chaos.logs import Values

EXAMPLES = 5


@dataclass(slots=True)
class Area:
    """One kind of result: how many were due, how many were found, and what is wrong with them.

    `wrong`: found, but with other content than it must have; counts as lost, for the right one is not there.
    `repeats`: written again with the same key and the same content, which every reader passes over.
    """

    name: str
    expected: int = 0
    found: int = 0
    missing: int = 0
    wrong: int = 0
    doubled: int = 0
    repeats: int = 0
    examples: list[str] = field(default_factory=list)

    def lacks(self, what: str) -> None:
        """Something is not there."""
        self.missing += 1
        self._show(f"missing: {what}")

    def differs(self, what: str) -> None:
        """Something is there with the wrong content."""
        self.wrong += 1
        self._show(f"wrong: {what}")

    def has_twice(self, what: str) -> None:
        """Something is there that must not be, or more often than once."""
        self.doubled += 1
        self._show(f"doubled: {what}")

    def _show(self, example: str) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)

    @property
    def lost(self) -> int:
        """What is not there as it must be."""
        return self.missing + self.wrong


@dataclass(frozen=True, slots=True)
class Findings:
    """All areas, and how much of the poison lies in the dead-letter topic as it was fed."""

    areas: Sequence[Area]
    poison: int
    dead_lettered: int

    @property
    def lost(self) -> int:
        """Over all areas."""
        return sum(area.lost for area in self.areas)

    @property
    def doubled(self) -> int:
        """Over all areas."""
        return sum(area.doubled for area in self.areas)

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled or left out."""
        return not self.lost and not self.doubled and self.dead_lettered == self.poison

    @property
    def line(self) -> str:
        """The result in one line."""
        return f"lost={self.lost} doubled={self.doubled} dead_lettered={self.dead_lettered}/{self.poison}"


def differing(expected: Values, found: Values) -> list[str]:
    """The fields of `expected` that `found` has otherwise, each in words; floats may differ by rounding."""
    return [
        f"{name} is {found.get(name)!r}, not {value!r}"
        for name, value in expected.items()
        if not _same(value, found.get(name))
    ]


def _same(expected: object, found: object) -> bool:
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return isclose(expected, found, rel_tol=1e-9, abs_tol=1e-9)
    return expected == found
