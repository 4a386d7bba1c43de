"""`linear_regression`: one linear model per sensor and horizon on the last hour of it and its neighbours. Pure.

Fitted by `metrla.lab.forecasting.training.fit_linear`; serving is one matrix product.
"""

from dataclasses import dataclass

import numpy as np

from shared.forecasting.inputs.history import HORIZONS, Batch, View, base_mph, view_of
from shared.forecasting.inputs.links import Sides, sides_of
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.forecaster import LINEAR_REGRESSION as NAME
from shared.forecasting.models.linear_features import COUNT, features
from shared.traffic.arrays import Floats

LAST_SHARE = "last_share"


@dataclass(frozen=True, slots=True, eq=False)
class LinearRegression:
    """Weights (N, COUNT, HORIZONS) and intercepts (N, HORIZONS) of deviations from `profile_mph` (slots, N).

    A sensor whose history was too thin to fit, or that the training did not have, has NaN weights and gets no forecast
    from this model. `ceiling_mph` (N,) is the highest speed the history had. `last_share` (HORIZONS,) is how much the
    last speed counts beside the linear forecast: on a short history that is off by more a few minutes ahead.
    """

    version: str
    profile_mph: Floats
    weights: Floats
    intercepts: Floats
    ceiling_mph: Floats
    last_share: Floats
    sides: Sides
    name: str = NAME

    def predict(self, batch: Batch) -> Floats:
        """Profile of the windows ahead plus the deviation that the last ones let expect: (B, N, HORIZONS)."""
        view = view_of(batch, self.profile_mph)
        linear = linear_mph(view, self.sides, self.weights, self.intercepts)
        return with_last(linear, view, self.last_share, self.ceiling_mph)

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
            # Those of earlier releases have none.
            last_share=opened.tensors.get(LAST_SHARE, np.zeros(HORIZONS)).astype(np.float64).reshape(HORIZONS),
            sides=sides_of(opened.network),
        )


def linear_mph(view: View, sides: Sides, weights: Floats, intercepts: Floats) -> Floats:
    """The linear forecast alone, (B, N, HORIZONS), NaN for sensors without weights."""
    rows = features(view, sides).transpose(1, 0, 2)
    deviation = (rows @ weights + intercepts[:, None, :]).transpose(1, 0, 2)
    forecast: Floats = view.ahead_mph.transpose(0, 2, 1) + deviation
    return forecast


def with_last(linear: Floats, view: View, last_share: Floats, ceiling_mph: Floats) -> Floats:
    """The linear forecast drawn to the last speed; within what was ever seen."""
    mixed = linear + last_share * (base_mph(view)[..., None] - linear)
    clipped: Floats = np.clip(mixed, 0.0, ceiling_mph[:, None])
    return clipped
