"""Where a queue is and what is going on there, in words that a driver understands. Pure."""

from datetime import timedelta

from shared.alerts.congestion.queues import Queue
from shared.alerts.congestion.reference import level_words
from shared.alerts.lifecycle.messages import duration_text, place_of
from shared.events.records import TrafficAlert
from shared.traffic.landmarks import Landmarks

USUAL = {None: "", True: ", usual at this hour", False: ", unusual at this hour"}


def location_of(queue: Queue, landmarks: Landmarks) -> str:
    """'I-405 N near Getty Center Dr, 2.3 mi queue': the head of the queue and its length upstream."""
    return f"{queue.road_name} {landmarks.of(queue.head)}, {queue.extent_miles:.1f} mi queue"


def congestion_message(queue: Queue, landmarks: Landmarks, *, recurrent: bool | None = None) -> str:
    """One sentence for the operator: where, how far back, how fast, how long it takes, and whether that is usual."""
    head, tail = landmarks.of(queue.head), landmarks.of(queue.sensors[0])
    back = f" back to {tail.removeprefix('near ').removeprefix('at ')}" if tail != head else ""
    share = f" ({100 * queue.mean_speed_mph / queue.free_flow_mph:.0f} % of free flow)" if queue.free_flow_mph else ""
    parts = f" in {queue.parts} stretches" if queue.parts > 1 else ""
    delay = max(1, round(queue.delay_minutes))
    return (
        f"{level_words(queue.mean_speed_mph, queue.free_flow_mph)} on {queue.road_name} {head}: "
        f"{queue.extent_miles:.1f} mi queue{parts}{back}, {queue.mean_speed_mph:.0f} mph{share}, "
        f"about {delay} min of delay{USUAL[recurrent]}"
    )


def cleared_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an alert whose cause is gone."""
    return f"Cleared after {duration_text(lasted)}: traffic flows again at {place_of(alert)}"
