"""How probable it is that traffic will be slow, from a forecast and its 90 % interval. Pure.

A forecast tells three quantiles: 5 % (lower), 50 % (predicted; the models are fitted to absolute errors) and 95 %
(upper). Here each side of the median is half of a logistic distribution, scaled to its own quantile: so all three are
kept as they were told, however lopsided, and the tails are heavier than those of a normal distribution, as those of
errors of speed forecasts are. docs/alerts.md shows how well it is calibrated.
"""

import numpy as np

from shared.traffic.arrays import Floats

LOG_ODDS = float(np.log(0.95 / 0.05))
NARROWEST_MPH = 0.1
LARGEST = 50.0


def probability_below(limit_mph: float, predicted_mph: Floats, lower_mph: Floats, upper_mph: Floats) -> Floats:
    """Probability that the speed is below a limit, of any shape; NaN where there is no forecast.

    Args:
        limit_mph: of speed.
        predicted_mph: median.
        lower_mph: 5 % quantile.
        upper_mph: 95 % quantile.
    """
    away = limit_mph - predicted_mph
    reach = np.where(away < 0, predicted_mph - lower_mph, upper_mph - predicted_mph)
    odds = np.clip(LOG_ODDS * away / np.maximum(reach, NARROWEST_MPH), -LARGEST, LARGEST)
    below: Floats = 1 / (1 + np.exp(-odds))
    return below
