"""The models once more, fitted to all of a recording: what serves, where there is time for it. Pure.

What is judged ends long before it serves: a third of the recording, and the newest, is kept from it to validate and
test. Once it is judged, the same work on all of the recording makes better weights, which nothing is left to judge by.
So they choose nothing: as many trees, steps and networks as before, the same weights of the ensemble. Intervals stay
those of the models that were judged, whose errors are of days that they had not seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Checkpoints, Fit, Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.run.deadline import Deadline
from metrla.lab.forecasting.training.run.work import keep, kept
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE

AS_THEY_ARE = (HISTORICAL_AVERAGE, ENSEMBLE)
"""Of these there is nothing to fit anew but the profile."""


class _OutOfTimeError(Exception):
    """The end of the run is near."""


def refit(
    whole: Recorded,
    fits: Mapping[str, Fit],
    fitted: Mapping[str, Fitted],
    seed: int,
    checkpoints_of: Callable[[str], Checkpoints],
    watch: StageProgress,
    deadline: Deadline,
) -> Mapping[str, Fitted] | None:
    """All models that were fitted, fitted to all of the recording; None where time does not suffice: all, or none.

    Args:
        whole: the recording, all of it to fit to.
        fits: by model name.
        fitted: what came of them on the first part, by model name; settings and importance stay.
        seed: of everything random.
        checkpoints_of: of the refit of a model.
        watch: is told how far it is.
        deadline: of the run; its `tail` is kept back.
    """

    def told(stage: str, done: float, total: float, note: str = "") -> None:
        if deadline.left < deadline.tail:
            raise _OutOfTimeError
        watch(stage, done, total, note)

    split, found = Split(whole.origins, 0, 0), dict[str, Fitted]()
    try:
        for name, before in fitted.items():
            if name in AS_THEY_ARE:
                found[name] = before
                continue
            stage, checkpoints = f"{name}, refit", checkpoints_of(name)
            if (again := kept(checkpoints)) is None:
                task = Task(
                    recorded=whole,
                    split=split,
                    seed=seed,
                    seconds=None,
                    progress=partial(told, stage),
                    checkpoints=checkpoints,
                    clock=deadline.clock,
                    again=before.settings,
                )
                began = deadline.clock()
                again = fits[name](task), deadline.clock() - began
                keep(checkpoints, *again)
            watch(stage, 1, 1)
            found[name] = replace(again[0], settings=before.settings, importance=before.importance)
    except (_OutOfTimeError, TooLittleError):
        return None
    return found
