"""Names of freeways and directions as published files write them. Pure."""

import re

from shared.events.text import quoted
from shared.traffic.directions import direction_of

# Numbers are unique over California's three systems; what is in neither list is a state route.
INTERSTATES = frozenset(
    (5, 8, 10, 15, 40, 80, 105, 110, 205, 210, 215, 238, 280, 380, 405, 505, 580, 605, 680, 710, 780, 805, 880, 980)
)
US_ROUTES = frozenset((6, 50, 95, 97, 101, 199, 395))
NAME = re.compile(
    r"(?P<system>[A-Za-z]*(?: (?:route|highway|hwy))?)[- ]*(?P<number>\d{1,4})(?P<rest>[A-Za-z]*)"
    r"(?:[- _]+(?P<direction>[NSEW](?:/?B)?|(?:north|south|east|west)(?:bound)?))?",
    re.IGNORECASE,
)
SYSTEMS = {
    **dict.fromkeys(("INTERSTATE", "IH"), "I"),
    **dict.fromkeys(("US ROUTE", "US HIGHWAY", "US HWY"), "US"),
    **dict.fromkeys(("STATE ROUTE", "STATE HIGHWAY", "STATE HWY", "CA"), "SR"),
    **dict.fromkeys(("ROUTE", "RTE", "RT", "HIGHWAY", "HWY", "FREEWAY", "FWY"), ""),
}
"""Other spellings of them; of what is only called a road, the number tells."""

# PeMS station types that measure a carriageway; ramps and connectors are none.
CARRIAGEWAY_TYPES = {"ML": "freeway", "MAINLINE": "freeway", "HV": "hov", "HOV": "hov", "CH": "highway"}


def freeway_and_direction(freeway: str, direction: str = "") -> tuple[str, str]:
    """('I-405', 'N') from 'I405-N', 'I-405 -N', 'Interstate 405 North', '405-N', or '405' and 'N'.

    A bare number is read as Caltrans numbers its routes. What is not a route number stays as it is.

    Raises:
        ValueError: the direction is neither empty nor one of travel.
    """
    found = NAME.fullmatch(freeway.strip())
    toward = direction_of(direction) if direction.strip() else ""
    if toward is None:
        raise ValueError(f"direction {quoted(direction)} is not N, E, S or W (nor NB, north, northbound and the like)")
    if found is None:
        return freeway.strip(), toward
    number = int(found["number"])
    written = found["system"].upper()
    system = SYSTEMS.get(written, written)
    if not system:
        system = "I" if number in INTERSTATES else "US" if number in US_ROUTES else "SR"
    return f"{system}-{number}{found['rest'].upper()}", toward or direction_of(found["direction"] or "") or ""
