"""Evaluate the models of an archive on a recording: errors, calibration, robustness."""

from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.evaluation.disturbances import disturbances
from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.evaluation.running import WARM_UP, Course
from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.provenance import data_fingerprint, software
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from shared.events.errors import ConfigurationError
from shared.forecasting.inputs.history import LAGS
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Network

TEST, VALIDATION = "test", "validation"
EVERY = 6
"""Disturbed input is forecast at every 6th origin only: there are many ways to disturb it."""

LEAST_UNSEEN = 288
"""Origins that a refit has not seen: of fewer, the models that it is a refit of are judged, on all of the part."""

OriginBatch = NDArray[np.intp]


class Load(Protocol):
    """Loads the models of a network; `judged`: those that were judged, in place of a refit of them."""

    def __call__(self, network: Network, *, judged: bool = False) -> Serving:
        """As `metrla.lab.forecasting.serving` does."""


def evaluate(
    recording: Recording,
    serving: Serving,
    load: Load,
    *,
    part: str = TEST,
    robustness: bool = True,
    seed: int = 1,
    watch: StageProgress,
) -> Json:
    """All figures as JSON, see `docs/forecasting.md`.

    Args:
        recording: what happened.
        serving: its network's models.
        load: the same models for a network, which may have other sensors. Where a refit has seen nearly all days of the
            part, the models that it is a refit of are judged; else it is, on the others.
        part: of the recording: `TEST` or `VALIDATION`.
        robustness: whether to disturb the input as well.
        seed: of the disturbances.
        watch: is told how far it is.

    Raises:
        ConfigurationError: the recording is too short.
        ModelError: there is no model.
    """
    split = Split.of(len(recording.speed_mph), recording.skipped_windows)
    origins, judged_before = _origins(split, part), False
    if len(unseen := _unseen(origins, recording, serving)) < len(origins):
        judged_before = len(unseen) < LEAST_UNSEEN
        serving = load(recording.network, judged=True) if judged_before else serving
        origins = _unseen(origins, recording, serving)
        if not origins.size:
            raise ConfigurationError("the models have seen this part of the recording, and say nothing there")
    # Input that is disturbed is so from the first window that is forecast from, warm-up included.
    resumed = max(0, int(origins[0]) - WARM_UP)
    recorded = Recorded(recording.network, recording.start, recording.speed_mph, split.train_windows, resumed)
    course = Course(recorded)
    judged = course.judge(serving, origins, partial(watch, f"{part} part"))
    figures = {**_about(recording, serving, split, origins, part), **judged.figures(part)}
    if robustness:
        figures["robustness"] = {
            case.name: course.judge(
                serving if case.network is recording.network else load(case.network, judged=judged_before),
                origins[::EVERY],
                partial(watch, case.what),
                case,
            ).disturbed(case.what)
            for case in disturbances(recording.network, recording.speed_mph, seed, int(origins[0]))
        }
    return figures


def _origins(split: Split, part: str) -> OriginBatch:
    tested = split.train + split.validation
    origins = np.arange(tested, split.origins) if part == TEST else np.arange(split.train, tested)
    if not origins.size:
        raise ConfigurationError(f"the recording is too short: it has no {part} part")
    return origins


def _unseen(origins: OriginBatch, recording: Recording, serving: Serving) -> OriginBatch:
    """Those whose future no weights of the models were fitted to: a refit has seen all of its training data."""
    seen_until = max((end for one in serving.ranked if (end := one.card.seen_until) is not None), default=None)
    if seen_until is None:
        return origins
    windows = (seen_until - recording.start) // recording.network.window
    return origins[origins + LAGS >= windows]


def _about(recording: Recording, serving: Serving, split: Split, origins: OriginBatch, part: str) -> Json:
    start, window = recording.start.astimezone(UTC), recording.network.window
    fingerprint = data_fingerprint(start.isoformat(), recording.speed_mph)

    def at(row: int) -> str:
        return (start + row * window).isoformat()

    return {
        "network_id": recording.network.network_id,
        "part": part,
        "origins": len(origins),
        "first_origin": at(int(origins[0]) + LAGS),
        "last_origin": at(int(origins[-1]) + LAGS),
        "data": {
            "source": recording.source,
            "from": at(0),
            "to": at(len(recording.speed_mph)),
            "windows": len(recording.speed_mph),
            "sha256": fingerprint,
            "origins": {"train": split.train, "validation": split.validation, "test": split.test},
        },
        "models": {
            one.model.name: {
                "version": one.model.version,
                "created_at": "" if one.card.created_at is None else one.card.created_at.isoformat(),
                "same_data": one.card.training_data is not None and one.card.training_data.sha256 == fingerprint,
            }
            for one in serving.ranked
        },
        "software": software(),
        "evaluated_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
