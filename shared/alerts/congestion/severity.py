"""How bad a queue is. Pure.

The measure is the delay of one vehicle that drives through the queue, against free flow, weighted by the lanes that
stand in it (a carriageway of four lanes counts as it is, one of two half as much): what matters is how long how many
wait. A queue that is known to be unusual for its place and hour counts half as much again: nobody has planned for it.
A queue whose end is a wall, traffic beyond it at least `WALL_MPH` faster, is MEDIUM at least, because drivers run into
its back. An active alert is lowered only when the measure is well below the limit that it had passed.

Where flow is known, it counts how many really wait. A level needs at least a tenth (`FEW`) of the vehicle-hours per
hour that its limit means on a carriageway of four lanes: a broken loop, or a handful of cars at night, is no emergency.
And what an alert has cost in all makes the worst severity of its life: as much as an hour of delay at a limit costs.
Both follow from one figure, `VEHICLES_PER_HOUR`: a lane in a queue passes about 1,500 vehicles an hour, a little less
than what flows out of one (M. Cassidy and R. Bertini, 'Some traffic features at freeway bottlenecks', Transportation
Research Part B 33, 1999, measured 1,900 to 2,100 per lane there, at the head).
"""

from shared.alerts.congestion.queues import Queue
from shared.alerts.lifecycle.messages import MINUTES_PER_HOUR
from shared.events.records import AlertSeverity

LIMITS_MINUTES = (
    (AlertSeverity.CRITICAL, 12.0),
    (AlertSeverity.HIGH, 6.0),
    (AlertSeverity.MEDIUM, 2.0),
)
REFERENCE_LANES = 4.0
WALL_MPH = 40.0
UNUSUAL_WEIGHT = 1.5
VEHICLES_PER_HOUR = 6_000.0
"""Of a queue on `REFERENCE_LANES`: so the limits in minutes are 200, 600 and 1,200 vehicle-hours in an hour."""
FEW = 0.1
"""Share of those vehicle-hours per hour below which a level is not reached, whatever one vehicle loses."""
LOWER_AT = 0.6
"""Share of a limit below which an active alert no longer counts as past it."""

RANKS = {severity: rank for rank, severity in enumerate(AlertSeverity)}


def severity_of(
    queue: Queue,
    known: AlertSeverity | None = None,
    *,
    recurrent: bool | None = None,
    hourly_vehicle_hours: float | None = None,
) -> AlertSeverity:
    """The severity of `queue` at present.

    Args:
        queue: as it is now.
        known: what its alert says so far.
        recurrent: whether it is usual here and now.
        hourly_vehicle_hours: what it costs in an hour as it is now, `None` where flow is not known.
    """

    def severity(share: float) -> AlertSeverity:
        return _severity(queue, share, recurrent=recurrent, hourly_vehicle_hours=hourly_vehicle_hours)

    risen = severity(1.0)
    if known is None or RANKS[risen] >= RANKS[known]:
        return risen
    return min(known, severity(LOWER_AT), key=RANKS.__getitem__)


def severity_of_cost(vehicle_hours: float | None) -> AlertSeverity:
    """The severity of what an alert has cost in all, low where that is not known."""
    minutes = 0.0 if vehicle_hours is None else vehicle_hours / VEHICLES_PER_HOUR * MINUTES_PER_HOUR
    return _level(minutes, 1.0)


def weighted_delay_minutes(queue: Queue, *, recurrent: bool | None = None) -> float:
    """Delay of one vehicle through the queue in minutes, weighted by lanes and surprise; unknown lanes are four."""
    surprise = UNUSUAL_WEIGHT if recurrent is False else 1.0
    return surprise * queue.delay_minutes * (queue.lanes or REFERENCE_LANES) / REFERENCE_LANES


def _severity(
    queue: Queue, share: float, *, recurrent: bool | None, hourly_vehicle_hours: float | None
) -> AlertSeverity:
    severity = _level(weighted_delay_minutes(queue, recurrent=recurrent), share)
    if severity is AlertSeverity.LOW and queue.drop_mph >= share * WALL_MPH:
        severity = AlertSeverity.MEDIUM
    if hourly_vehicle_hours is None:
        return severity
    waiting = hourly_vehicle_hours / (FEW * VEHICLES_PER_HOUR) * MINUTES_PER_HOUR
    return min(severity, _level(waiting, share), key=RANKS.__getitem__)


def _level(minutes: float, share: float) -> AlertSeverity:
    return next((name for name, limit in LIMITS_MINUTES if minutes >= share * limit), AlertSeverity.LOW)
