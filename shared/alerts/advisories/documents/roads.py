"""Road names as agencies write them, brought to one form. Pure.

'I-405 N', 'Interstate 405 Northbound', 'NB I405', 'US Hwy 101 SB' and 'Route 134 (Ventura Fwy) East' name a route by
its class and number and, mostly, a direction. Freeways are numbered, so the number decides; the class is compared
only where both sides tell it, because 'Route 110' may be I-110 or SR-110.
"""

import re
from dataclasses import dataclass

from shared.traffic.directions import DIRECTIONS
from shared.traffic.directions import direction_of as direction_of  # noqa: PLC0414 - whoever reads roads reads directions

_INTERSTATE, _US, _STATE = "I", "US", "SR"
_STATE_CODES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|"
    "PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY"
)
_ROUTE = re.compile(
    rf"""(?<![A-Z0-9])
    (?:(?P<interstate>INTERSTATE|IH|I)|(?P<us>U\.?\s?S\.?)|(?P<state>S\.?R\.?|STATE|SH|{_STATE_CODES}))?
    [\s.-]*(?P<word>ROUTE|RTE|RT|HIGHWAY|HWY|FREEWAY|FWY|ROAD)?[\s.#-]*
    (?P<number>\d{{1,4}})\s?-?(?P<suffix>N|E|S|W|NB|EB|SB|WB)?(?![A-Z0-9])
    (?:\s*(?P<behind>FREEWAY|FWY|HIGHWAY|HWY))?""",
    re.VERBOSE,
)
_FREEWAY_WORDS = re.compile(r"\b(freeway|fwy|expressway|expy|highway|hwy|parkway|pkwy|turnpike|tpke)\b")
_SPACE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Road:
    """A road by name: class and number of its route where it has one, direction of travel (N, E, S, W) where known."""

    name: str
    number: int | None = None
    system: str | None = None
    direction: str | None = None

    @property
    def motorway(self) -> bool:
        """Whether the name alone says that this is no street: it has a number, or is called a freeway."""
        return self.number is not None or _FREEWAY_WORDS.search(self.name) is not None

    def same_route(self, other: "Road") -> bool:
        """Whether both names can mean one road, whatever the direction."""
        if self.number is None or other.number is None:
            return self.number is other.number and self.name == other.name
        return self.number == other.number and (None in {self.system, other.system} or self.system == other.system)


def read_road(text: str, direction: str | None = None) -> Road:
    """The road that a name means; `direction` (N, E, S, W) overrides what the name says."""
    found = _ROUTE.search(text.upper())
    words = [word for word in _SPACE.split(text.lower().replace("n/b", "nb").replace("s/b", "sb")) if word]
    # A number without class, word or direction is no route: '5 Points Ave'.
    if found is None or not any(found[group] for group in ("interstate", "us", "state", "word", "suffix", "behind")):
        found = None if found is None or set(words) - DIRECTIONS.keys() - {found["number"]} else found
    told = direction or (direction_of(found["suffix"]) if found and found["suffix"] else None) or _told(words)
    plain = " ".join(word for word in words if word not in DIRECTIONS)
    if found is None:
        return Road(plain, direction=told)
    system = _INTERSTATE if found["interstate"] else _US if found["us"] else _STATE if found["state"] else None
    return Road(plain, int(found["number"]), system, told)


def _told(words: list[str]) -> str | None:
    """The direction at either end of a name: 'NB I-5', 'I-5 North'; not that in 'West Covina Pkwy I-10 Ramp'."""
    ends = [words[-1], words[0]] if words else []
    return next((DIRECTIONS[word] for word in ends if word in DIRECTIONS), None)
