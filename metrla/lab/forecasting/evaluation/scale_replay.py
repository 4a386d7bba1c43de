"""The scales that a running predictor would have had over a recording, no label known before its time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from shared.forecasting.calibration.adaptive import BINS, AdaptiveScale, histogram
from shared.traffic.arrays import Floats, Integers


@dataclass(eq=False)
class ScaleReplay:
    """A recording's forecasts in the order in which a running predictor would have made and scored them."""

    adaptive: AdaptiveScale
    _open: dict[datetime, Integers] = field(default_factory=dict, init=False, repr=False)

    def scales(self, origins: Sequence[datetime], scores: Floats) -> Floats:
        """What `AdaptiveScale.at` would have been at each origin: (origins, 1, horizons).

        Each is of forecasts whose targets had passed by then, as in operation.

        Args:
            origins: in time order, later than those of the calls before.
            scores: of their forecasts against the offline interval, (origins, N, horizons), NaN where unknown.
        """
        scales = np.empty((len(origins), 1, scores.shape[-1]))
        for row, origin in enumerate(origins):
            for end in [end for end in self._open if end <= origin]:
                self.adaptive.put(end, 0, self._open.pop(end))
            scales[row, 0] = self.adaptive.at(origin)
            for horizon, found in enumerate(histogram(scores[row])):
                end = origin + (horizon + 1) * self.adaptive.window
                self._open.setdefault(end, np.zeros((scores.shape[-1], BINS), dtype=np.intp))[horizon] = found
        return scales
