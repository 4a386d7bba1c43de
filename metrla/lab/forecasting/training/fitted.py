"""What a fit is given, and what it returns. Pure."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from shared.events.errors import ConfigurationError
from shared.traffic.arrays import Integers


class TooLittleError(ConfigurationError):
    """A model cannot be fitted: the history is too short for it, or the time. Others may do with less."""


class Progress(Protocol):
    """Told how far a fit is: `done` of `total` parts of any size, and a few words to show beside the bar."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Called as often as the fit likes; may raise `KeyboardInterrupt`, which a fit lets pass."""


class Checkpoints(Protocol):
    """Named bytes that survive an interruption, for one model on one recording with one choice of settings."""

    def read(self, name: str) -> bytes | None:
        """What was written under `name`, by this run or the one that it continues; None where nothing was."""

    def write(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`, replacing what was there; whole or not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One fit: on the first `split.train` origins of `recorded`, early stopping on the `split.validation` after them.

    Attributes:
        recorded: the history with its usual speeds.
        split: of its origins. A fit reads nothing that only the test origins can see.
        seed: of everything random.
        seconds: how long the fit should take; None leaves it to the fit's own settings, and the result then depends on
            data, settings and seed alone. With a limit the fit settles at the start how much it does (epochs, trees),
            keeps that among its checkpoints, and names it in `Fitted.settings`.
        progress: to be told.
        checkpoints: of this fit. Whoever goes on from one ends with the same bytes as without the interruption.
        predicted: of the models fitted before, by name, their forecasts of `held_out` in mph:
            (held_out, sensors, HORIZONS), NaN where a model cannot tell. For the ensemble.
        versions: of those models.
        held_out: the validation origins that they were asked for: all of them, or some where time or memory are short.
        clock: tells seconds.
        twice_in: seconds that leave as much again for a refit, which is worth more than the last parts of a training; a
            fit that can do all that it is set to do in them uses no more. None: use all.
        again: the settings of the fit that this one repeats on a longer history: it does as much as that one did, and
            chooses nothing anew, as there is no validation part.
    """

    recorded: Recorded
    split: Split
    seed: int
    seconds: float | None
    progress: Progress
    checkpoints: Checkpoints
    predicted: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    held_out: Integers | None = None
    clock: Callable[[], float] = time.monotonic
    twice_in: float | None = None
    again: Mapping[str, Any] | None = None

    @property
    def validation(self) -> Integers:
        """The origins of `predicted`, all of the validation part unless `held_out` says which."""
        if self.held_out is not None:
            return self.held_out
        return np.arange(self.split.train, self.split.train + self.split.validation)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fitted model, ready to be packed.

    Attributes:
        tensors: the model's own, by name, in the type to be stored, without `profile_mph` and without calibration,
            which every artefact has and `train` adds.
        onnx: the content of `model.onnx`, if the model has one.
        importance: of each feature, or group of features, its share of the whole; they sum to 1.
        settings: every choice that the fit made, JSON, for the card.
        members: of an ensemble, by name, the versions that it was fitted to.
    """

    tensors: Mapping[str, NDArray[Any]]
    onnx: bytes | None = None
    importance: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)


Fit = Callable[[Task], Fitted]
