"""What a queue is measured against: free flow, and the usual speed of the hour. Pure.

Levels of congestion are shares of free flow. Their limits are those that the Highway Capacity Manual (Transportation
Research Board, HCM 2010, exhibit 16-4) draws between levels of service by travel speed as a share of the base free-flow
speed: 67 % (B to C), 50 % (C to D) and 30 % (E to F). It does so for urban streets; for freeways it has none.

A queue is recurrent where slow traffic is usual. A. Skabardonis, P. Varaiya and K. Petty, 'Measuring recurrent and
nonrecurrent traffic congestion', Transportation Research Record 1856 (2003), take as recurrent what happens on most
days at the same place and hour; so does the learned usual speed, which is a median.
"""

import numpy as np

from shared.events.quantities import FREE_FLOW_MPH
from shared.traffic.arrays import Floats

REFERENCE_MPH = (60.0, 70.0)
"""Delay is reckoned against free flow within these bounds: what is always slow is delay, driving too fast is none."""
CRAWL_MPH = 5.0
"""Delay is reckoned with no lower speed: below it a detector's mean says little."""
LEVELS = ((0.67, "Light congestion"), (0.5, "Congestion"), (0.3, "Heavy congestion"), (0.0, "Severe congestion"))
LEVEL_UNKNOWN = "Congestion"
USUAL_SHARE = 0.5
"""A queue is recurrent where slow traffic is usual on so much of its length."""


def reference_mph(free_flow_mph: Floats) -> Floats:
    """The speed against which delay is reckoned, of free-flow speeds in mph, NaN where unknown: (sensors,)."""
    bounded = bounded_free_flow(free_flow_mph)
    reference: Floats = np.where(np.isfinite(bounded), bounded, FREE_FLOW_MPH)
    return reference


def bounded_free_flow(free_flow_mph: Floats) -> Floats:
    """Free flow within `REFERENCE_MPH`, NaN where unknown: of a road that is always slow its own past is none."""
    bounded: Floats = np.clip(free_flow_mph, *REFERENCE_MPH)
    return bounded


def level_words(mean_speed_mph: float, free_flow_mph: float | None) -> str:
    """How congested it is, in words: 'Heavy congestion' at 30 to 50 % of free flow."""
    if not free_flow_mph:
        return LEVEL_UNKNOWN
    return next(words for share, words in LEVELS if mean_speed_mph >= share * free_flow_mph)


def is_recurrent(usual_share: float | None, *, known: bool | None = None) -> bool | None:
    """Whether a queue is usual for its place and hour, `None` where that is not known.

    It is decided once, when it is first known: at the end of its hour every daily queue would become an unusual one on
    each day on which it lasts a little longer than the median.

    Args:
        usual_share: share of its length where slow traffic is usual.
        known: what its alert says so far.
    """
    if known is not None or usual_share is None:
        return known
    return usual_share >= USUAL_SHARE


def usual_share(usual_mph: Floats, miles: Floats, slow_mph: float) -> float | None:
    """Share of a queue's length whose usual speed is below `slow_mph`, `None` where less than half of it is known."""
    known = np.isfinite(usual_mph)
    length = miles + np.finfo(float).eps
    if length[known].sum() < length.sum() / 2:
        return None
    return float(length[usual_mph < slow_mph].sum() / length[known].sum())


def mean_where_known(values: Floats, miles: Floats) -> float | None:
    """Mean weighted by miles of the values that are known, `None` where none is."""
    known = np.isfinite(values)
    return float(np.average(values[known], weights=miles[known] + np.finfo(float).eps)) if known.any() else None
