"""Where a queue is and what is going on there, in words that a driver understands. Pure."""

from datetime import timedelta

from services.alert_detector.congestion.queues import Queue
from services.alert_detector.lifecycle.location import duration_text, landmark, place_of
from shared.events.records import TrafficAlert


def location_of(queue: Queue) -> str:
    """'I-405 N near Getty Center Dr, 2.3 mi queue': the head of the queue and its length upstream."""
    return f"{queue.road_name} {landmark(queue.head)}, {queue.extent_miles:.1f} mi queue"


def congestion_message(queue: Queue) -> str:
    """One sentence for the operator: where, how far back, how fast, how long it takes."""
    tail = queue.sensors[0]
    back = f" back to {landmark(tail).removeprefix('near ').removeprefix('at ')}" if tail != queue.head else ""
    delay = max(1, round(queue.delay_minutes))
    return (
        f"Congestion on {queue.road_name} {landmark(queue.head)}: {queue.extent_miles:.1f} mi queue{back}, "
        f"{queue.mean_speed_mph:.0f} mph, about {delay} min of delay"
    )


def cleared_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an alert whose cause is gone."""
    return f"Cleared after {duration_text(lasted)}: traffic flows again at {place_of(alert)}"


def silent_message(alert: TrafficAlert, silence: timedelta) -> str:
    """The last word on an alert whose sensors no longer say anything."""
    return f"Cleared for want of data: no sensor at {place_of(alert)} has reported for {duration_text(silence)}"


def merged_message(alert: TrafficAlert, survivor: TrafficAlert) -> str:
    """The last word on an alert whose queue has grown together with that of an older one."""
    return f"The queue at {place_of(alert)} has joined the one at {place_of(survivor)}: see {survivor.alert_id}"


def removed_message(alert: TrafficAlert) -> str:
    """The last word on an alert whose sensors were taken out of the network."""
    return f"Cleared: the network no longer has the sensors at {place_of(alert)}"
