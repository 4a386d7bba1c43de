"""How far long work in stages is, told to whoever shows it. Pure."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

Told: TypeAlias = Callable[[float, float], None]
"""Is told how many parts of how many are done."""


class StageProgress(Protocol):
    """Is told how far the work is."""

    def __call__(self, stage: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` parts of `stage` are done: a model, its calibration, a part of a recording, a disturbance.

        May raise `KeyboardInterrupt`, which the work lets pass.
        """
