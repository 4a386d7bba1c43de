"""The last words on an alert that are the same for every kind, and how they name its place. Pure."""

from datetime import timedelta

from shared.events.records import TrafficAlert

MINUTES_PER_HOUR = 60


def place_of(alert: TrafficAlert) -> str:
    """The place in an alert's location, without the length of its queue."""
    return alert.location.rpartition(", ")[0] or alert.location


def duration_text(lasted: timedelta) -> str:
    """'35 min', '2 h 05 min'."""
    hours, minutes = divmod(round(lasted.total_seconds() / 60), MINUTES_PER_HOUR)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def silent_message(alert: TrafficAlert, silence: timedelta) -> str:
    """The last word on an alert whose sensors no longer say anything."""
    return f"Cleared because data is missing: no sensor at {place_of(alert)} has reported for {duration_text(silence)}"


def doubted_message(alert: TrafficAlert) -> str:
    """The last word on an alert none of whose sensors is to be believed any more."""
    return f"Cleared because data is missing: the sensors at {place_of(alert)} report nothing reliable"


def merged_message(alert: TrafficAlert, survivor: TrafficAlert) -> str:
    """The last word on an alert whose queue has grown together with that of an older one."""
    return f"The queue at {place_of(alert)} has joined the one at {place_of(survivor)}: see {survivor.alert_id}"


def removed_message(alert: TrafficAlert) -> str:
    """The last word on an alert whose sensors were taken out of the network."""
    return f"Cleared: the network no longer has the sensors at {place_of(alert)}"
