"""`historical_average`: what is usual for the sensor at that time of the week, whatever happens now. Pure.

Serves where another model has too little history of a sensor. Without a trained profile it takes what the stream has
shown so far, and says nothing about a sensor that has shown nothing.
"""

from dataclasses import dataclass, field
from math import erf

import numpy as np

from shared.forecasting.calibration.spread import CLOSE_MPH, Bounds, Context
from shared.forecasting.inputs.history import Batch
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE as NAME
from shared.traffic.arrays import Floats, Integers, ratio
from shared.traffic.calendar import DAY_TYPES, HOURS, hours_of, slots_per_day
from shared.traffic.network import Network

FROM_STREAM = "from-stream"


@dataclass(frozen=True, slots=True, eq=False)
class HistoricalAverage:
    """A trained profile: (slots of both day types, sensors) mph, NaN for a sensor that the history did not have."""

    version: str
    profile_mph: Floats
    name: str = NAME

    def predict(self, batch: Batch) -> Floats:
        """The profile of the windows ahead: (B, N, HORIZONS)."""
        return self.profile_mph[batch.ahead_slots].transpose(0, 2, 1)

    @classmethod
    def of_artefact(cls, opened: Opened) -> "HistoricalAverage":
        """From the artefact; raises `ModelError` where it does not fit this release."""
        return cls(opened.version, opened.known_profile_mph)


PRIOR_WINDOWS = 6.0
PRIOR_SPREAD_MPH = 13.0
"""The spread of METR-LA's speeds over all sensors and times: what a sensor is taken for that has shown little."""
Z_90 = 1.6449


@dataclass(eq=False)
class StreamAverage:
    """What the stream has shown of one network since the process began: means by hour and type of day.

    An hour not seen yet takes the sensor's mean so far. The interval is 1.645 standard deviations of the sensor's
    speeds, which are taken for normally distributed around their mean.
    """

    network: Network
    name: str = NAME
    version: str = FROM_STREAM
    _totals: Floats = field(init=False, repr=False)
    _counts: Floats = field(init=False, repr=False)
    _squares: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Know nothing."""
        sensors = len(self.network.sensors)
        self._totals, self._counts = np.zeros((2, DAY_TYPES * HOURS, sensors))
        self._squares = np.zeros(sensors)

    def learn(self, speed_mph: Floats, slots: Integers) -> None:
        """Take in windows, (windows, sensors) mph with NaN where missing, and their slots of the day type."""
        seen = ~np.isnan(speed_mph)
        speeds = np.where(seen, speed_mph, 0.0)
        np.add.at(self._totals, hours_of(slots, slots_per_day(self.network)), speeds)
        np.add.at(self._counts, hours_of(slots, slots_per_day(self.network)), seen)
        self._squares += (speeds**2).sum(axis=0)

    def predict(self, batch: Batch) -> Floats:
        """Means by hour, else overall; NaN for a sensor that has shown nothing."""
        totals, counts = self._totals, self._counts
        hours = hours_of(batch.ahead_slots, slots_per_day(self.network))
        overall = ratio(totals.sum(axis=0), counts.sum(axis=0))
        usual = ratio(totals[hours], counts[hours])
        return np.where(np.isnan(usual), overall, usual).transpose(0, 2, 1)

    def bounds(self, context: Context) -> Bounds:
        """From how much each sensor's speeds have varied."""
        count = self._counts.sum(axis=0)
        mean = np.nan_to_num(ratio(self._totals.sum(axis=0), count))
        scatter = np.maximum(self._squares - count * mean**2, 0.0)
        spread = np.sqrt((scatter + PRIOR_WINDOWS * PRIOR_SPREAD_MPH**2) / (count + PRIOR_WINDOWS))
        within = np.array([erf(CLOSE_MPH / (one * np.sqrt(2.0))) for one in spread])
        predicted, reach = context.predicted, Z_90 * spread[:, None]
        confidence = np.broadcast_to(within[:, None], predicted.shape)
        return Bounds(
            np.maximum(predicted - reach, 0.0), predicted + reach, confidence, np.full_like(predicted, np.nan)
        )
