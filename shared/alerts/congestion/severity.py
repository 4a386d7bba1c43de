"""How bad a queue is. Pure.

The measure is the delay of one vehicle that drives through the queue, against free flow, weighted by the lanes that
stand in it (a carriageway of four lanes counts as it is, one of two half as much): what matters is how long how many
wait. A queue that is known to be unusual for its place and hour counts half as much again: nobody has planned for it.
A queue whose end is a wall, traffic beyond it at least `WALL_MPH` faster, is MEDIUM at least, because drivers run into
its back. An active alert is lowered only when the measure is well below the limit that it had passed.
"""

from shared.alerts.congestion.queues import Queue
from shared.events.records import AlertSeverity

LIMITS_MINUTES = (
    (AlertSeverity.CRITICAL, 12.0),
    (AlertSeverity.HIGH, 6.0),
    (AlertSeverity.MEDIUM, 2.0),
)
REFERENCE_LANES = 4.0
WALL_MPH = 40.0
UNUSUAL_WEIGHT = 1.5
LOWER_AT = 0.6
"""Share of a limit below which an active alert no longer counts as past it."""

RANKS = {severity: rank for rank, severity in enumerate(AlertSeverity)}


def severity_of(queue: Queue, known: AlertSeverity | None = None, *, recurrent: bool | None = None) -> AlertSeverity:
    """The severity of `queue`; `known` is what its alert says so far, `recurrent` whether it is usual here and now."""
    risen = _severity(queue, 1.0, recurrent=recurrent)
    if known is None or RANKS[risen] >= RANKS[known]:
        return risen
    return min(known, _severity(queue, LOWER_AT, recurrent=recurrent), key=RANKS.__getitem__)


def weighted_delay_minutes(queue: Queue, *, recurrent: bool | None = None) -> float:
    """Delay of one vehicle through the queue in minutes, weighted by lanes and surprise; unknown lanes are four."""
    surprise = UNUSUAL_WEIGHT if recurrent is False else 1.0
    return surprise * queue.delay_minutes * (queue.lanes or REFERENCE_LANES) / REFERENCE_LANES


def _severity(queue: Queue, share: float, *, recurrent: bool | None) -> AlertSeverity:
    delay = weighted_delay_minutes(queue, recurrent=recurrent)
    severity = next((name for name, limit in LIMITS_MINUTES if delay >= share * limit), AlertSeverity.LOW)
    if severity is AlertSeverity.LOW and queue.drop_mph >= share * WALL_MPH:
        return AlertSeverity.MEDIUM
    return severity
