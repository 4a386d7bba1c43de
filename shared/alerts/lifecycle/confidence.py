"""The probability that an alert proves true, from the odds that its kind makes of its evidence. Pure.

docs/alerts.md defines what 'proves true' means and shows how often it came on days that fitted nothing.
"""

from math import exp

CONFIDENCE_DIGITS = 3


def confidence_of(log_odds: float) -> float:
    """The probability whose odds have this logarithm, as the record tells it."""
    return round(1 / (1 + exp(-log_odds)), CONFIDENCE_DIGITS)
