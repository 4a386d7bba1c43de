"""The probability that an alarm is an incident, from its evidence. Pure.

A logistic map, increasing in the evidence. docs/alerts.md shows how often it was right on days that fitted nothing.
"""

from math import log

from shared.alerts.lifecycle.confidence import confidence_of

# Fitted on 106 alarms of the first 14 days of Orange, at five thresholds: docs/alerts.md, 'Confidence and duration'.
CONSTANT, PER_LOG_SCORE = -1.646, 0.567
LEAST_SCORE = 0.1


def incident_confidence(score: float) -> float:
    """Probability that an alarm of the forecast residual is a felt incident.

    Args:
        score: its evidence, divided by the scale of its sensor (the sensor's threshold against the common one).
    """
    return confidence_of(CONSTANT + PER_LOG_SCORE * log(max(score, LEAST_SCORE)))
