"""Train the models of a network on recorded speeds: fit, calibrate, test, pack. The caller saves. Pure."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.evaluation.running import WARM_UP, Course
from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Checkpoints, Fit, Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from metrla.lab.forecasting.training.run.card import Choice, origin, outcome
from metrla.lab.forecasting.training.run.catalogue import CALIBRATION_SHARE, ORDER, SHARES, seconds_of, settings_of
from metrla.lab.forecasting.training.run.catalogue import fits as catalogue_fits
from metrla.lab.forecasting.training.run.held_out import EVERY, HeldOut
from metrla.lab.forecasting.training.run.work import Timed, Work, digest, keep, kept
from shared.events.errors import ConfigurationError
from shared.events.text import quoted
from shared.forecasting.models.artefact import PROFILE, Artefact, open_artefact, pack
from shared.forecasting.models.card import FitOrigin, FitOutcome, TrainingReport
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    HISTORICAL_AVERAGE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    PREFERRED,
    RANDOM_FOREST,
    XGBOOST,
)
from shared.forecasting.registry.loading import MODELS, open_model
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Compact, Integers

LEAST_DAYS = 2.0
GIVEN_UP = "given-up"
TRIED_ORIGINS = 24
"""That tell how long one takes."""
COST_OF_CALIBRATION: Mapping[str, float] = {
    LINEAR_REGRESSION: 2.0,
    RANDOM_FOREST: 6.0,
    XGBOOST: 8.0,
    NEURAL_NETWORK: 10.0,
    ENSEMBLE: 3.0,
}
"""How long a model forecasts an origin of the validation part and learns from how far off it is, in times of laying
one out."""
MOST_PAIRS, LEAST_JUDGED = 5_000_000, 12
"""Of a part of the recording as many origins as make so many pairs with sensors say all that there is to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The artefacts to save, by model name, all of one version, and the figures of the test part, see `Evaluation`.

    `tested` is of how many origins those are: fewer than the part has where time or memory are short. `left_out` says
    of each model that was not trained why.
    """

    version: str
    artefacts: Mapping[str, Artefact]
    figures: Json
    split: Split
    tested: int
    left_out: Mapping[str, str]


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
    with _one_thread():
        run = _Run(recording, choice, now, work or Work(), watch or _unwatched, everything, clock)
        for name in (HISTORICAL_AVERAGE, *(name for name in ORDER if name in choice.models)):
            run.fit(name)
        if run.left_out and len(run.done) == 1:
            raise ConfigurationError("; ".join(run.left_out.values()))
        return run.packed()


def _one_thread() -> AbstractContextManager[object]:
    """Linear algebra on one thread, where the library of the train extra that can say so is installed.

    Its threads wait for each other busily: two of them on busy cores take five times the time of one, and sums depend
    on how many there are.
    """
    try:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - of the train extra
    except ImportError:
        return nullcontext()
    limited: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limited


def _spaced(origins: Integers, most: int) -> Integers:
    count = min(len(origins), most)
    return origins[np.linspace(0, len(origins), count, endpoint=False).astype(np.intp)]


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
    left_out: dict[str, str] = field(default_factory=dict)
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
        self.origin = origin(recording, self.split, self.choice)
        self.held_out = HeldOut(self.recorded, self.split, self.choice.seed, self._calibrated())

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
            try:
                fitted = self._fitted(name, timed)
            except TooLittleError as reason:
                if not self.choice.where_possible:
                    raise
                self.left_out[name] = str(reason)
                self.watch(name, 1, 1, f"left out: {reason}")
                return
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

    def _fitted(self, name: str, checkpoints: Checkpoints) -> Fitted:
        """A fit, unless it was given up in an earlier run: then that is said again."""
        if (reason := checkpoints.read(GIVEN_UP)) is not None:
            raise TooLittleError(reason.decode())
        try:
            return self.fits[name](self._task(name, checkpoints))
        except TooLittleError as reason:
            checkpoints.write(GIVEN_UP, str(reason).encode())
            raise

    def _calibrated(self) -> int | None:
        """How many origins of the validation part there is time to calibrate on; None where there is no limit."""
        if self.choice.budget_seconds is None:
            return None
        checkpoints = self.work.of("validation", {**self.origin.entries(), "models": sorted(self.choice.models)})
        pace = Pacing(CALIBRATION_SHARE * self.choice.budget_seconds, self.clock, checkpoints)
        some = self.split.train + np.arange(min(TRIED_ORIGINS, self.split.validation))
        models = sum(COST_OF_CALIBRATION[name] for name in self.choice.models)

        def affordable(left: float) -> int:
            seconds = pace.timed(lambda: [self.recorded.view(some[[place]]) for place in range(len(some))]) / len(some)
            return max(1, int(left / (seconds * models * (1 + 1 / EVERY))))

        return pace.decide("origins", 0, affordable)

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
            held_out=self.held_out.first,
            clock=self.clock,
        )

    def _seconds(self, name: str) -> float | None:
        if self.choice.budget_seconds is None or name not in SHARES:
            return None
        return seconds_of(name, self.choice.models, self.choice.budget_seconds, self._left())

    def _left(self) -> float:
        return (self.choice.budget_seconds or 0.0) - (self.clock() - self.began)

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
        for number, (part, origins) in enumerate(parts.items()):
            parts[part] = judged = self._judged(course, serving, origins, 1 / (len(parts) - number))
            warm_up = min(WARM_UP, len(judged) // 4)
            told = partial(self.watch, f"{part} part")
            figures[part] = course.judge(serving, judged, told, warm_up=warm_up).figures(part)
        artefacts = {}
        for name, one in self.done.items():
            came = outcome(name, one.fitted, one.seconds, self.now, figures)
            artefacts[name] = self._packed(name, one.fitted, one.tensors, came)
        return Trained(self.version, artefacts, figures["test"], self.split, len(parts["test"]), self.left_out)

    def _judged(self, course: Course, serving: Serving, origins: Integers, share: float) -> Integers:
        """Those on which models are judged, evenly spaced: all, or as many as time and memory allow."""
        sensors = len(self.recording.network.sensors)
        most = max(LEAST_JUDGED, MOST_PAIRS // sensors)
        if self.choice.budget_seconds is not None:
            tried = _spaced(origins, max(TRIED_ORIGINS // 2, 1))
            began = self.clock()
            course.judge(serving, tried, warm_up=0)
            an_origin = max(self.clock() - began, 1e-6) / len(tried)
            # A quarter more are for the warm-up.
            most = min(most, max(LEAST_JUDGED, int(0.8 * share * self._left() / an_origin)))
        return _spaced(origins, most)

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
    if set(names) == {ENSEMBLE}:
        raise ConfigurationError(f"{ENSEMBLE} needs a model to combine with {HISTORICAL_AVERAGE}: name one too")
