"""Names of time zones that are taken: regions such as America/Los_Angeles, and UTC; nothing that hangs on a machine."""

from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

AREAS = frozenset(
    {
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
        "US",
        "Canada",
        "Brazil",
        "Chile",
        "Mexico",
        "Etc",
    }
)
"""First parts of the names of regions. Others are of a machine (`localtime`, `right/`, `posix/`) or are no place."""

UTC_NAMES = frozenset({"UTC", "GMT"})

REGIONS_OF = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "PST8PDT": "America/Los_Angeles",
    "MST": "America/Denver or, without daylight saving time, America/Phoenix",
    "MDT": "America/Denver",
    "MST7MDT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CST6CDT": "America/Chicago",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "EST5EDT": "America/New_York",
    "AKST": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "BST": "Europe/London",
    "WET": "Europe/Lisbon",
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "MET": "Europe/Berlin",
    "EET": "Europe/Helsinki",
    "EEST": "Europe/Helsinki",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "IST": "Asia/Kolkata",
    "AEST": "Australia/Sydney",
    "Z": "UTC",
    "ZULU": "UTC",
}
"""A region where an abbreviation is used: one says an offset, and most do not say daylight saving time."""

MOST_SHOWN = 60


def read_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA region, or UTC.

    Raises:
        ValueError: it is none; the message says what to write instead, as far as that can be guessed.
    """
    if name in UTC_NAMES or name.partition("/")[0] in AREAS:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise ValueError(f"is not an IANA time zone of a region{_hint(name)}")


@cache
def _regions() -> dict[str, str]:
    names = sorted(name for name in available_timezones() if name.partition("/")[0] in AREAS)
    return {name.rpartition("/")[2].lower(): name for name in names} | {"utc": "UTC"}


def _hint(name: str) -> str:
    if region := REGIONS_OF.get(name[:MOST_SHOWN].strip().upper()):
        return f"; did you mean {region}?"
    last = name[:MOST_SHOWN].rpartition("/")[2].strip().lower().replace(" ", "_")
    close = get_close_matches(last, list(_regions()), n=1)
    return f"; did you mean {_regions()[close[0]]}?" if close else ", such as America/Los_Angeles"
