"""How an operator's action changes the record of an alert, and what a closed alert is to those who detect. Pure.

- An action becomes part of the record once, by its `action_id`, and no more than `MAX_ACTIONS` do: a record has to fit
  into a message. A close of an alert that is cleared already is none; one that is not can always be closed.
- A close clears the alert for everybody, but its cause may last: the detectors go on to follow it as an active
  alert, and what they say of it is withheld. So nothing raises it again until they find that it has ended. Then the
  record gets a last revision, whose `updated_at` is later than its `cleared_at`; that is how the log tells a cause
  that lasts (both are equal) from one that is over.
- Revisions on the log count the actions, too: a detector's change is numbered after what is published.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.alerts.lifecycle.changes import cleared, revised
from shared.events.records import AlertAction, AlertActionKind, AlertStatus, TrafficAlert

MAX_ACTIONS = 100
"""Of one alert, a close not counted: with the longest texts that there can be, its record fits into a message well."""
SHORTLY = timedelta(milliseconds=1)
"""The least by which two times on the log differ."""


def is_full(alert: TrafficAlert) -> bool:
    """Whether it takes no action any more but a close."""
    return len(alert.actions) >= MAX_ACTIONS


def is_closed(alert: TrafficAlert) -> bool:
    """Whether an operator closed it."""
    return not alert.active and any(action.kind is AlertActionKind.CLOSE for action in alert.actions)


def is_lasting(alert: TrafficAlert) -> bool:
    """Whether it is closed, but what raised it has not ended so far."""
    return is_closed(alert) and alert.updated_at == alert.cleared_at


def acted(alert: TrafficAlert, action: AlertAction, at: datetime) -> TrafficAlert | None:
    """The alert with an action in it, `None` where that changes nothing.

    Args:
        alert: as it is published.
        action: of an operator, about this alert.
        at: the event time of its network, at or after which a close clears it.
    """
    if any(known.action_id == action.action_id for known in alert.actions):
        return None
    taken = replace(alert, actions=(*alert.actions, action))
    if action.kind is not AlertActionKind.CLOSE:
        if is_full(alert):
            return None
        return revised(taken, status=AlertStatus.UPDATED if alert.active else alert.status)
    if not alert.active:
        return None
    said = f": {action.text}" if action.text else ""
    return cleared(taken, at, f"Closed by {action.operator}{said}. Before: {alert.message}")


def as_watched(alert: TrafficAlert) -> TrafficAlert:
    """A published alert as the detectors are to see it: active while its cause lasts, and as long as that.

    So they learn how long traffic was disturbed, not how long an operator looked on.
    """
    if is_lasting(alert):
        return replace(alert, status=AlertStatus.UPDATED, cleared_at=None)
    return replace(alert, cleared_at=alert.updated_at) if is_closed(alert) else alert


def as_published(change: TrafficAlert, known: TrafficAlert | None) -> TrafficAlert | None:
    """What a detector's change becomes on the log, `None` where it is withheld.

    Args:
        change: as the detector says it.
        known: what is published of the alert, `None` where nothing is.
    """
    if known is None:
        return change
    if not is_closed(known):
        return replace(change, revision=known.revision + 1, actions=known.actions)
    if change.active or not is_lasting(known):
        return None
    ended_at = max(change.updated_at, known.updated_at + SHORTLY)
    message = f"{known.message}. What raised it has ended since"
    return revised(known, message=message, updated_at=ended_at)
