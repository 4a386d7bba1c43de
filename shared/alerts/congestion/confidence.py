"""The probability that a queue lasts, from its evidence. Pure.

A logistic map, increasing in the evidence. docs/alerts.md shows how often it was right on days that fitted nothing.
"""

from math import log1p

from shared.alerts.lifecycle.confidence import confidence_of

# Fitted on the 2,304 alerts of METR-LA's first 60 days: see docs/alerts.md, 'Confidence and duration'.
CONSTANT, PER_MPH, PER_LOG_MILE = 2.799, 0.0747, 1.299


def congestion_confidence(newest_mph: float, extent_miles: float) -> float:
    """Probability that a queue is still there 15 minutes later.

    Args:
        newest_mph: newest speed at the sensor where the rule holds most.
        extent_miles: length of the queue.
    """
    return confidence_of(CONSTANT - PER_MPH * newest_mph + PER_LOG_MILE * log1p(extent_miles))
