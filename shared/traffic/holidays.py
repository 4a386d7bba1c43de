"""Public holidays of a network: whose they are, and on which days. Pure."""

from datetime import date
from functools import lru_cache

import holidays

from shared.events.errors import ConfigurationError


def checked_holidays(code: str) -> str:
    """Return `code`, a country or a subdivision of one as in ISO 3166 ('US', 'US-CA'), where its holidays are known.

    Raises:
        ConfigurationError: they are not.
    """
    try:
        _calendar(code)
    except NotImplementedError as unknown:
        raise ConfigurationError(
            f"holidays {code!r}: not a country or subdivision of ISO 3166 whose holidays are known, as 'US-CA'"
        ) from unknown
    return code


def is_holiday(code: str, day: date) -> bool:
    """Whether `day` is a public holiday, the days on which one is observed included."""
    return day in _calendar(code)


@lru_cache
def _calendar(code: str) -> holidays.HolidayBase:
    country, _, subdivision = code.partition("-")
    return holidays.country_holidays(country, subdiv=subdivision or None)
