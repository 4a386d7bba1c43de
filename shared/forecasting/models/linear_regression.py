"""`linear_regression`: one linear model per sensor and horizon on the last hour of it and its neighbours. Pure.

Fitted by `metrla.lab.forecasting.training.fit_linear`; serving is one matrix product.
"""

from dataclasses import dataclass

import numpy as np

from shared.forecasting.inputs.history import HORIZONS, Batch, view_of
from shared.forecasting.inputs.links import Sides, sides_of
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.forecaster import LINEAR_REGRESSION as NAME
from shared.forecasting.models.linear_features import COUNT, features
from shared.traffic.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LinearRegression:
    """Weights (N, COUNT, HORIZONS) and intercepts (N, HORIZONS) of deviations from `profile_mph` (slots, N).

    A sensor whose history was too thin to fit, or that the training did not have, has NaN weights and gets no forecast
    from this model. `ceiling_mph` (N,) is the highest speed the history had.
    """

    version: str
    profile_mph: Floats
    weights: Floats
    intercepts: Floats
    ceiling_mph: Floats
    sides: Sides
    name: str = NAME

    def predict(self, batch: Batch) -> Floats:
        """Profile of the windows ahead plus the deviation that the last ones let expect: (B, N, HORIZONS)."""
        view = view_of(batch, self.profile_mph)
        rows = features(view, self.sides).transpose(1, 0, 2)
        deviation = (rows @ self.weights + self.intercepts[:, None, :]).transpose(1, 0, 2)
        clipped: Floats = np.clip(view.ahead_mph.transpose(0, 2, 1) + deviation, 0.0, self.ceiling_mph[:, None])
        return clipped

    @classmethod
    def of_artefact(cls, opened: Opened) -> "LinearRegression":
        """From the artefact; raises `ModelError` where it does not fit this release."""
        sensors = len(opened.sensors)
        return cls(
            version=opened.version,
            profile_mph=opened.profile_mph,
            weights=opened.by_sensor("weights", sensors, COUNT, HORIZONS),
            intercepts=opened.by_sensor("intercepts", sensors, HORIZONS),
            ceiling_mph=opened.by_sensor("ceiling_mph", sensors),
            sides=sides_of(opened.network),
        )
