"""The probability that an alarm is an incident, from how seldom its evidence is. Pure.

A logistic map, falling with how often such evidence comes: a quantity that means the same on every network and at
every budget. docs/alerts.md shows how often it was right on days that fitted nothing.
"""

from math import log

from shared.alerts.lifecycle.confidence import confidence_of

# By the alerts of the first parts of three networks at the shipped budget, of which 12 % were true: docs/alerts.md.
CONSTANT, PER_LOG_RATE = -1.8, -0.1
LEAST_RATE = 0.1


def incident_confidence(rate: float) -> float:
    """Probability that an alarm is a felt incident.

    Args:
        rate: alarms per 100 sensor-days with evidence as strong.
    """
    return confidence_of(CONSTANT + PER_LOG_RATE * log(max(rate, LEAST_RATE)))
