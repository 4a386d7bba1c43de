"""Train the models of a network on recorded speeds: fit, calibrate, test, pack. The caller saves. Pure."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.evaluation.running import Course
from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fit_ensemble import LEAST_MEMBERS
from metrla.lab.forecasting.training.fitted import Checkpoints, Fit, Fitted, Task
from metrla.lab.forecasting.training.run.card import Choice, origin, outcome
from metrla.lab.forecasting.training.run.catalogue import ORDER, SCORING_SHARE, SHARES, settings_of
from metrla.lab.forecasting.training.run.catalogue import fits as catalogue_fits
from metrla.lab.forecasting.training.run.held_out import HeldOut
from metrla.lab.forecasting.training.run.work import Timed, Work, digest, keep, kept
from shared.events.errors import ConfigurationError
from shared.events.text import quoted
from shared.forecasting.models.artefact import PROFILE, Artefact, open_artefact, pack
from shared.forecasting.models.card import FitOrigin, FitOutcome, TrainingReport
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE, PREFERRED
from shared.forecasting.registry.loading import MODELS, open_model
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Compact

LEAST_DAYS = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The artefacts to save, by model name, all of one version, and the figures of the test part, see `Evaluation`."""

    version: str
    artefacts: Mapping[str, Artefact]
    figures: Json
    split: Split


def train(
    recording: Recording,
    choice: Choice,
    *,
    now: datetime,
    work: Work | None = None,
    watch: StageProgress | None = None,
    fits: Mapping[str, Fit] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train the chosen models, and always `historical_average`, which stands in for them.

    Nothing of the test part goes into profile, weights or calibration. Whatever `work` holds for the same recording and
    choice is not done again.

    Args:
        recording: to train on.
        choice: of models.
        now: names the version.
        work: keeps what is finished; without it an interruption loses everything.
        watch: is told how far training is.
        fits: by model name; else those of the catalogue.
        clock: seconds.

    Raises:
        ConfigurationError: too little history, or a model that cannot be trained.
        ImportError: a library of the train extra is missing.
    """
    check_models(choice.models)
    chosen = catalogue_fits(choice.models) if fits is None else fits
    everything = {HISTORICAL_AVERAGE: lambda _task: Fitted({}), **chosen}
    run = _Run(recording, choice, now, work or Work(), watch or _unwatched, everything, clock)
    for name in (HISTORICAL_AVERAGE, *(name for name in ORDER if name in choice.models)):
        run.fit(name)
    return run.packed()


def _unwatched(stage: str, done: float, total: float, note: str = "") -> None:
    del stage, done, total, note


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    fitted: Fitted
    tensors: Mapping[str, NDArray[Any]]
    seconds: float


@dataclass(eq=False)
class _Run:
    recording: Recording
    choice: Choice
    now: datetime
    work: Work
    watch: StageProgress
    fits: Mapping[str, Fit]
    clock: Callable[[], float]
    done: dict[str, _Done] = field(default_factory=dict)
    predicted: dict[str, Compact] = field(default_factory=dict)
    began: float = field(init=False)
    split: Split = field(init=False)
    recorded: Recorded = field(init=False)
    held_out: HeldOut = field(init=False)
    origin: FitOrigin = field(init=False)

    def __post_init__(self) -> None:
        recording, self.began = self.recording, self.clock()
        days = len(recording.speed_mph) * recording.network.window / timedelta(days=1)
        if days < LEAST_DAYS:
            raise ConfigurationError(
                f"{days:.1f} days of history are too few to train on: give at least {LEAST_DAYS:g}"
            )
        self.split = Split.of(len(recording.speed_mph), recording.skipped_windows)
        self.recorded = Recorded(recording.network, recording.start, recording.speed_mph, self.split.train_windows)
        self.held_out = HeldOut(self.recorded, self.split, self.choice.seed)
        self.origin = origin(recording, self.split, self.choice)

    @property
    def version(self) -> str:
        return f"{self.now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"

    def fit(self, name: str) -> None:
        """Fit one model, or take what is kept of it, and calibrate it."""
        members = {one: digest(each.fitted) for one, each in self.done.items()} if name == ENSEMBLE else {}
        checkpoints = self.work.of(
            name, {**self.origin.entries(), "settings": settings_of(self.fits[name]), "members": members}
        )
        if (found := kept(checkpoints)) is None:
            timed = Timed(checkpoints, self.clock)
            fitted = self.fits[name](self._task(name, timed))
            found = fitted, timed.seconds
            keep(checkpoints, *found)
            self.watch(name, 1, 1)
        else:
            self.watch(name, 1, 1, "kept from an earlier run")
        fitted, seconds = found
        tensors = {PROFILE: self.recorded.profile_mph.astype(np.float16), **fitted.tensors}
        opened = open_artefact(self._packed(name, fitted, tensors), name, self.version, self.recording.network)
        stage = f"{name}, calibration"
        self.predicted[name], spread = self.held_out.predict(
            MODELS[name](opened), self.predicted, partial(self.watch, stage)
        )
        self.done[name] = _Done(fitted, {**tensors, **spread.tensors()}, seconds)

    def _task(self, name: str, checkpoints: Checkpoints) -> Task:
        return Task(
            recorded=self.recorded,
            split=self.split,
            seed=self.choice.seed,
            seconds=self._seconds(name),
            progress=partial(self.watch, name),
            checkpoints=checkpoints,
            predicted={one: each[: self.held_out.count] for one, each in self.predicted.items()},
            versions=dict.fromkeys(self.predicted, self.version),
        )

    def _seconds(self, name: str) -> float | None:
        if self.choice.budget_seconds is None or name not in SHARES:
            return None
        left = max(1.0, self.choice.budget_seconds - (self.clock() - self.began))
        to_do = [one for one in self.choice.models if one not in self.done]
        return left * SHARES[name] / (SCORING_SHARE + sum(SHARES[one] for one in to_do))

    def packed(self) -> Trained:
        """All artefacts, with what they achieve on the held-out parts on their cards."""
        network = self.recording.network
        served = {}
        for name, one in self.done.items():
            artefact = self._packed(name, one.fitted, one.tensors)
            served[name] = open_model(artefact, name, self.version, network)
        ranked = tuple(served[name] for name in PREFERRED if name in served)
        serving = Serving(ranked, {one.key: one for one in ranked})
        course, first_tested = Course(self.recorded), self.split.train + self.split.validation
        parts = {
            "validation": np.arange(self.split.train, first_tested),
            "test": np.arange(first_tested, self.split.origins),
        }
        figures: dict[str, Json] = {}
        for part, origins in parts.items():
            judged = course.judge(serving, origins, partial(self.watch, f"{part} part"))
            figures[part] = judged.figures(part)
        artefacts = {}
        for name, one in self.done.items():
            came = outcome(name, one.fitted, one.seconds, self.now, figures)
            artefacts[name] = self._packed(name, one.fitted, one.tensors, came)
        return Trained(self.version, artefacts, figures["test"], self.split)

    def _packed(
        self, name: str, fitted: Fitted, tensors: Mapping[str, NDArray[Any]], came: FitOutcome | None = None
    ) -> Artefact:
        members = dict.fromkeys(fitted.members, self.version)
        # Before it is tested, a model is packed to be tested: as it will be opened.
        report = TrainingReport(fitted.settings, None if came is None else self.origin, came)
        return pack(name, self.version, self.recording.network, tensors, report, onnx=fitted.onnx, members=members)


def check_models(names: Collection[str]) -> None:
    """Raise `ConfigurationError` where one of these models cannot be trained, or not without others."""
    if unknown := set(names) - set(ORDER):
        raise ConfigurationError(
            f"cannot train {', '.join(map(quoted, sorted(unknown)))}: choose from {', '.join(ORDER)}"
        )
    if ENSEMBLE in names and len(set(names)) <= LEAST_MEMBERS:
        raise ConfigurationError(f"{ENSEMBLE} needs at least {LEAST_MEMBERS} models to combine: name them too")
