"""The probability that an alert proves true, from its evidence. Pure.

Logistic maps, each increasing in the evidence, of two and three constants. docs/alerts.md defines what 'proves true'
means and shows how often it came on days that fitted nothing.
"""

from math import exp, log, log1p

CONFIDENCE_DIGITS = 3
# Fitted on the 2,304 alerts of METR-LA's first 60 days: see docs/alerts.md, 'Confidence and duration'.
CONGESTION_CONSTANT, CONGESTION_PER_MPH, CONGESTION_PER_LOG_MILE = 2.799, 0.0747, 1.299
# Fitted on 106 alarms of the first 14 days of Orange, at five thresholds: as above.
INCIDENT_CONSTANT, INCIDENT_PER_LOG_SCORE = -1.646, 0.567
LEAST_SCORE = 0.1


def congestion_confidence(newest_mph: float, extent_miles: float) -> float:
    """Probability that a queue is still there 15 minutes later.

    Args:
        newest_mph: newest speed at the sensor where the rule holds most.
        extent_miles: length of the queue.
    """
    odds = CONGESTION_CONSTANT - CONGESTION_PER_MPH * newest_mph + CONGESTION_PER_LOG_MILE * log1p(extent_miles)
    return round(_probability(odds), CONFIDENCE_DIGITS)


def incident_confidence(score: float) -> float:
    """Probability that an alarm of the forecast residual is a felt incident.

    Args:
        score: its evidence, divided by the scale of its sensor (the sensor's threshold against the common one).
    """
    odds = INCIDENT_CONSTANT + INCIDENT_PER_LOG_SCORE * log(max(score, LEAST_SCORE))
    return round(_probability(odds), CONFIDENCE_DIGITS)


def _probability(odds: float) -> float:
    return 1 / (1 + exp(-odds))
