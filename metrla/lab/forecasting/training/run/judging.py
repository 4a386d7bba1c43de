"""How good the models of a run are on the parts that were kept from them, on as many origins as there is time for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.evaluation.running import WARM_UP, Course
from metrla.lab.forecasting.progress import StageProgress
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.run.deadline import Deadline
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Integers

MOST_PAIRS, LEAST_JUDGED = 5_000_000, 12
"""Of a part of the recording as many origins as make so many pairs with sensors say all that there is to say."""
REHEARSED = 48
"""Of so many origins tells how long one takes; they are counted together, which costs as much as of one."""
USED = 0.8
"""Of the time: what was measured before may take longer now."""
VALIDATION_SHARE = 1 / 3
"""Of the time: it is the test part that says how good the models are."""


@dataclass(eq=False)
class Judging:
    """Judges on a recording, in the time that is left.

    `an_origin` is how many seconds one takes with all models, as far as that was measured; 0: not yet.
    """

    recorded: Recorded
    split: Split
    deadline: Deadline
    an_origin: float = 0.0
    course: Course = field(init=False)

    def __post_init__(self) -> None:
        """Work out what happened."""
        self.course = Course(self.recorded)

    @property
    def least(self) -> float:
        """Seconds that judging takes at least, as far as that was measured."""
        return 2 * REHEARSED * self.an_origin

    def rehearse(self, serving: Serving, more: float) -> None:
        """Measure on some origins of the validation part with these models; all take `more` times as long."""
        some = _spaced(np.arange(self.split.train, self.split.train + self.split.validation), REHEARSED)
        took = self.deadline.measured(lambda: self.course.judge(serving, some, warm_up=0))
        self.an_origin = more * took / len(some)

    def figures(self, serving: Serving, watch: StageProgress, reserved: float) -> tuple[Mapping[str, Json], int]:
        """Those of the validation and of the test part, and on how many origins of the latter.

        Args:
            serving: the models.
            watch: is told how far it is.
            reserved: seconds for what comes afterwards.
        """
        first_tested, found, count = self.split.train + self.split.validation, dict[str, Json](), 0
        if self.deadline.limited and not self.an_origin:
            self.rehearse(serving, 1.0)
        for part, origins, share in (
            ("validation", np.arange(self.split.train, first_tested), VALIDATION_SHARE),
            ("test", np.arange(first_tested, self.split.origins), 1.0),
        ):
            most = max(LEAST_JUDGED, MOST_PAIRS // len(self.recorded.network.sensors))
            if self.deadline.limited:
                seconds = USED * share * (self.deadline.left - reserved)
                # A quarter more are for the warm-up.
                most = min(most, max(LEAST_JUDGED, int(seconds / self.an_origin / 1.25)))
            judged = _spaced(origins, most)
            warm_up, count, began = min(WARM_UP, len(judged) // 4), len(judged), self.deadline.clock()
            found[part] = self.course.judge(serving, judged, partial(watch, f"{part} part"), warm_up=warm_up).figures(
                part
            )
            self.an_origin = max(self.deadline.clock() - began, 1e-6) / (len(judged) + warm_up)
        return found, count


def _spaced(origins: Integers, most: int) -> Integers:
    count = min(len(origins), most)
    return origins[np.linspace(0, len(origins), count, endpoint=False).astype(np.intp)]
