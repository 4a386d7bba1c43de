"""How far long work in stages is, told to whoever shows it. Pure."""

from typing import Protocol


class StageProgress(Protocol):
    """Is told how far the work is."""

    def __call__(self, stage: str, done: float, total: float, note: str = "") -> None:
        """`done` of `total` parts of `stage` are done: a model, its calibration, a part of a recording, a disturbance.

        May raise `KeyboardInterrupt`, which the work lets pass.
        """
