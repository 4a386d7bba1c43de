"""Train the models of a network on recorded speeds: fit, calibrate, test, pack. The caller saves. Pure."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Checkpoints, Fit, Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from metrla.lab.forecasting.training.run.card import Choice, origin, outcome
from metrla.lab.forecasting.training.run.catalogue import CALIBRATION_SHARE, ORDER, SHARES, settings_of
from metrla.lab.forecasting.training.run.catalogue import fits as catalogue_fits
from metrla.lab.forecasting.training.run.deadline import MARGIN, Deadline
from metrla.lab.forecasting.training.run.held_out import HeldOut
from metrla.lab.forecasting.training.run.judging import Judging
from metrla.lab.forecasting.training.run.refit import AS_THEY_ARE, refit
from metrla.lab.forecasting.training.run.work import Timed, Work, digest, keep, kept
from shared.events.errors import ConfigurationError
from shared.events.text import quoted
from shared.forecasting.models.artefact import PROFILE, Artefact, open_artefact, pack
from shared.forecasting.models.card import PROTOCOL, REFIT, FitOrigin, ServingWeights, TrainingReport
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
from shared.forecasting.scoring.drift import describe_inputs
from shared.traffic.arrays import Compact, Floats
from shared.traffic.usual.recent import RecentRow

LEAST_DAYS = 2.0
GIVEN_UP = "given-up"
TRIED_ORIGINS = 32, 128
"""That tell how long a calibration takes, and how much of that an origin more."""
COST_OF_CALIBRATION: Mapping[str, float] = {
    LINEAR_REGRESSION: 1.1,
    RANDOM_FOREST: 1.3,
    XGBOOST: 1.4,
    NEURAL_NETWORK: 2.5,
    ENSEMBLE: 1.2,
}
"""How long it takes to forecast the validation part with a model and to learn from how far off it is, in times of that
of the historical average, which is nearly all learning."""
SAVING = 0.04
"""Of a budget: for what comes after the last figure, the end of the process included."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The artefacts to save, by model name, all of one version, and the figures of the test part, see `Evaluation`.

    `tested` is of how many origins those are: fewer than the part has where time or memory are short. `left_out` says
    of each model that was not trained why. `recent` are the recent speeds at the end of the recording,
    `serves` which weights the artefacts have. Of a refit, `judged` are those that were judged, of an earlier version.
    """

    version: str
    artefacts: Mapping[str, Artefact]
    figures: Json
    split: Split
    tested: int
    left_out: Mapping[str, str]
    recent: Sequence[RecentRow] = ()
    serves: ServingWeights = PROTOCOL
    judged_version: str | None = None
    judged: Mapping[str, Artefact] = field(default_factory=dict)


def train(
    recording: Recording,
    choice: Choice,
    *,
    now: datetime,
    work: Work | None = None,
    watch: StageProgress | None = None,
    fits: Mapping[str, Fit] | None = None,
    clock: Callable[[], float] = time.monotonic,
    began: float | None = None,
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
        began: when the run that the budget is of began, by this clock; else now.

    Raises:
        ConfigurationError: too little history, or a model that cannot be trained.
        ImportError: a library of the train extra is missing.
    """
    check_models(choice.models)
    chosen = catalogue_fits(choice.models) if fits is None else fits
    everything = {HISTORICAL_AVERAGE: lambda _task: Fitted({}), **chosen}
    with _one_thread():
        deadline = Deadline(choice.budget_seconds, clock, clock() if began is None else began)
        run = _Run(recording, choice, now, work or Work(), watch or _unwatched, everything, deadline)
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


def _version(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"


def _unwatched(stage: str, done: float, total: float, note: str = "") -> None:
    del stage, done, total, note


@dataclass(frozen=True, slots=True, eq=False)
class _Done:
    fitted: Fitted
    tensors: Mapping[str, NDArray[Any]]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Refitted:
    """All models fitted to all of a recording, what is usual by all of it, and what their cards say of that."""

    fitted: Mapping[str, Fitted]
    profile_mph: Floats
    origin: FitOrigin


@dataclass(eq=False)
class _Run:
    recording: Recording
    choice: Choice
    now: datetime
    work: Work
    watch: StageProgress
    fits: Mapping[str, Fit]
    deadline: Deadline
    done: dict[str, _Done] = field(default_factory=dict)
    predicted: dict[str, Compact] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    calibrating: float = field(default=0.0, init=False)
    """Seconds of the longest calibration."""
    split: Split = field(init=False)
    recorded: Recorded = field(init=False)
    held_out: HeldOut = field(init=False)
    judging: Judging = field(init=False)
    origin: FitOrigin = field(init=False)

    def __post_init__(self) -> None:
        recording = self.recording
        days = len(recording.speed_mph) * recording.network.window / timedelta(days=1)
        if days < LEAST_DAYS:
            raise ConfigurationError(
                f"{days:.1f} days of history are too few to train on: give at least {LEAST_DAYS:g}"
            )
        self.split = Split.of(len(recording.speed_mph), recording.skipped_windows)
        self.recorded = Recorded(recording.network, recording.start, recording.speed_mph, self.split.train_windows)
        self.origin = origin(recording, self.split, self.choice)
        self.judging = Judging(self.recorded, self.split, self.deadline)
        self.held_out = HeldOut(self.recorded, self.split, self.choice.seed, self._calibrated())

    @property
    def version(self) -> str:
        return _version(self.now)

    def fit(self, name: str) -> None:
        """Fit one model, or take what is kept of it, and calibrate it."""
        if name in (NEURAL_NETWORK, ENSEMBLE) and not self.judging.an_origin:
            self._rehearse()
        members = {one: digest(each.fitted) for one, each in self.done.items()} if name == ENSEMBLE else {}
        checkpoints = self.work.of(
            name, {**self.origin.entries(), "settings": settings_of(self.fits[name]), "members": members}
        )
        if (found := kept(checkpoints)) is None:
            timed = Timed(checkpoints, self.deadline.clock)
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
        began = self.deadline.clock()
        self.predicted[name], spread = self.held_out.predict(
            MODELS[name](opened), self.predicted, partial(self.watch, stage)
        )
        self.calibrating = max(self.calibrating, self.deadline.clock() - began)
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
        pace = Pacing(CALIBRATION_SHARE * self.choice.budget_seconds, self.deadline.clock, checkpoints)
        models = 1 + sum(COST_OF_CALIBRATION[name] for name in self.choice.models)

        def affordable(left: float) -> int:
            few, some = (min(count, self.split.validation) for count in TRIED_ORIGINS)
            took = [pace.timed(partial(self._calibrate_usual, count)) for count in (few, some)]
            an_origin = max(took[1] - took[0], 0.01 * took[1]) / max(some - few, 1)
            return max(some, int(some + (left / models - took[1]) / an_origin))

        return pace.decide("origins", 0, affordable)

    def _calibrate_usual(self, origins: int) -> None:
        held_out = HeldOut(self.recorded, self.split, self.choice.seed, origins)
        tensors = {PROFILE: self.recorded.profile_mph.astype(np.float16)}
        artefact = self._packed(HISTORICAL_AVERAGE, Fitted({}), tensors)
        opened = open_artefact(artefact, HISTORICAL_AVERAGE, self.version, self.recording.network)
        held_out.predict(MODELS[HISTORICAL_AVERAGE](opened), {}, lambda _done, _total: None)

    def _rehearse(self) -> None:
        """Measure what the end of the run will take, on the models that are there, before the longest fit begins."""
        if not self.deadline.limited:
            return
        # All models take so many times as long as these: a network takes longer than any.
        names = {HISTORICAL_AVERAGE, *self.choice.models}
        more = sum(COST_OF_CALIBRATION.get(name, 1.0) for name in names)
        more /= sum(COST_OF_CALIBRATION.get(name, 1.0) for name in self.done)
        self.judging.rehearse(self._serving(), more)
        calibrations = self.calibrating * sum(name not in self.done for name in names)
        self.deadline.tail = self.judging.least + calibrations + self._saving

    def _task(self, name: str, checkpoints: Checkpoints) -> Task:
        seconds = self.deadline.of_fit(name, self.choice.models) if name in SHARES else None
        twice_in = None
        if self.choice.refit and seconds is not None:
            twice_in = (seconds - MARGIN * sum(one.seconds for one in self.done.values())) / 2
        return Task(
            recorded=self.recorded,
            split=self.split,
            seed=self.choice.seed,
            seconds=seconds,
            progress=partial(self.watch, name),
            checkpoints=checkpoints,
            predicted={one: each[: self.held_out.count] for one, each in self.predicted.items()},
            versions=dict.fromkeys(self.predicted, self.version),
            held_out=self.held_out.first,
            clock=self.deadline.clock,
            twice_in=twice_in,
        )

    def packed(self) -> Trained:
        """All artefacts, with what they achieve on the held-out parts on their cards."""
        again = MARGIN * sum(one.seconds for name, one in self.done.items() if name not in AS_THEY_ARE)
        # Judging comes first, but needs not all that is left.
        refitting = self.choice.refit and self.deadline.left >= again + self.judging.least + self._saving
        reserved = self._saving + (again if refitting else 0.0)
        figures, tested = self.judging.figures(self._serving(), self.watch, reserved)
        refitted = self._refitted() if refitting else None
        judged_version, judged = None, dict[str, Artefact]()
        if refitted is not None:
            judged_version = _version(self.now - timedelta(microseconds=1))
            judged = {name: self._served(name, judged_version, None, figures) for name in self.done}
        artefacts = {name: self._served(name, self.version, refitted, figures, judged_version) for name in self.done}
        return Trained(
            self.version,
            artefacts,
            figures["test"],
            self.split,
            tested,
            self.left_out,
            self.recorded.recent_rows(),
            PROTOCOL if refitted is None else REFIT,
            judged_version,
            judged,
        )

    def _serving(self) -> Serving:
        """The models that are done, opened as they will be."""
        served = {}
        for name, one in self.done.items():
            artefact = self._packed(name, one.fitted, one.tensors)
            served[name] = open_model(artefact, name, self.version, self.recording.network)
        ranked = tuple(served[name] for name in PREFERRED if name in served)
        return Serving(ranked, {one.key: one for one in ranked})

    @property
    def _saving(self) -> float:
        return SAVING * (self.choice.budget_seconds or 0.0)

    def _refitted(self) -> _Refitted | None:
        """What the models are when they are fitted to all of the recording; None where that takes too long."""
        whole = self.recorded.fitted_to_all()
        self.deadline.tail = self._saving

        def checkpoints(name: str) -> Checkpoints:
            before = digest(self.done[name].fitted)
            return self.work.of(f"{name}-refit", {**self.origin.entries(), "refit_of": before})

        fitted = {name: one.fitted for name, one in self.done.items()}
        found = refit(whole, self.fits, fitted, self.choice.seed, checkpoints, self.watch, self.deadline)
        if found is None:
            return None
        inputs = describe_inputs(self.recording.network, self.recording.start, self.recording.speed_mph)
        return _Refitted(found, whole.profile_mph, self.origin.model_copy(update={"inputs": inputs}))

    def _served(
        self,
        name: str,
        version: str,
        refitted: _Refitted | None,
        figures: Mapping[str, Json],
        judged_version: str | None = None,
    ) -> Artefact:
        one, origin_of, fitted, tensors = self.done[name], self.origin, self.done[name].fitted, self.done[name].tensors
        windows, weights = self.split.train_windows, PROTOCOL
        if refitted is not None:
            fitted, origin_of, weights = refitted.fitted[name], refitted.origin, REFIT
            profile = {PROFILE: refitted.profile_mph.astype(np.float16)}
            # Its own calibration stays: it comes of errors on days that it had not seen.
            tensors, windows = {**tensors, **profile, **fitted.tensors}, len(self.recording.speed_mph)
        days = windows * self.recording.network.window / timedelta(days=1)
        came = outcome(name, one.fitted, one.seconds, self.now, figures, (weights, days), judged_version)
        return self._packed(name, fitted, tensors, TrainingReport(fitted.settings, origin_of, came), version)

    def _packed(
        self,
        name: str,
        fitted: Fitted,
        tensors: Mapping[str, NDArray[Any]],
        report: TrainingReport | None = None,
        version: str | None = None,
    ) -> Artefact:
        version = version or self.version
        members = dict.fromkeys(fitted.members, version)
        # Before it is tested, a model is packed to be tested: as it will be opened.
        told = TrainingReport(fitted.settings) if report is None else report
        return pack(name, version, self.recording.network, tensors, told, onnx=fitted.onnx, members=members)


def check_models(names: Collection[str]) -> None:
    """Raise `ConfigurationError` where one of these models cannot be trained, or not without others."""
    if unknown := set(names) - set(ORDER):
        raise ConfigurationError(
            f"cannot train {', '.join(map(quoted, sorted(unknown)))}: choose from {', '.join(ORDER)}"
        )
    if set(names) == {ENSEMBLE}:
        raise ConfigurationError(f"{ENSEMBLE} needs a model to combine with {HISTORICAL_AVERAGE}: name one too")
