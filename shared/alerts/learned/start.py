"""What is usual before anything was learned: the profile of a trained model. Pure."""

import numpy as np

from shared.alerts.detection.forecast_residual import CRAWL_MPH
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.state import Learned
from shared.traffic.arrays import Floats
from shared.traffic.usual.running import RunningRow

SEEN_DAYS = 5
"""Days that a profile counts as: it is believed, but a change of traffic is learned from the first day on."""


def from_profile(learner: Learner, profile_mph: Floats) -> Learned | None:
    """The state that a profile gives: (2 x windows of a day, sensors) mph as in `network.sensors`, NaN where unknown.

    Working days come first, then days off. `None` where the profile is for windows of another length.
    """
    nothing = learner.nothing()
    if profile_mph.shape != (len(nothing.usual.rows), len(learner.road.sensors)):
        return None
    value = np.log(np.maximum(profile_mph[:, learner.road.columns], CRAWL_MPH)).astype(np.float32)
    seen = np.where(np.isfinite(value), np.float32(SEEN_DAYS), np.float32(0))
    return nothing.with_rows(
        {place: RunningRow(value[place][None, :], seen[place][None, :]) for place in range(len(value))}
    )
