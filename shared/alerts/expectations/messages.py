"""The words of an alert about congestion that is not there yet. Pure."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from shared.alerts.expectations.expectation import Expected
from shared.alerts.lifecycle.messages import duration_text, place_of
from shared.events.records import TrafficAlert
from shared.traffic.landmarks import Landmarks


def location_of(expected: Expected, landmarks: Landmarks) -> str:
    """'I-405 N near Getty Center Dr, 2.3 mi': the head of what is expected and its length upstream."""
    queue = expected.queue
    return f"{queue.road_name} {landmarks.of(queue.head)}, {queue.extent_miles:.1f} mi"


def expected_message(expected: Expected, landmarks: Landmarks, ahead: timedelta, zone: ZoneInfo) -> str:
    """'Congestion expected on I-405 N near Getty Center Dr at 16:45, in 15 min: 2.3 mi queue, 31 mph (80 %)'."""
    queue = expected.queue
    place = f"{queue.road_name} {landmarks.of(queue.head)}"
    clock = f"{expected.expected_at.astimezone(zone):%H:%M}"
    what = f"{queue.extent_miles:.1f} mi queue, {queue.mean_speed_mph:.0f} mph ({100 * expected.probability:.0f} %)"
    return f"Congestion expected on {place} at {clock}, in {duration_text(ahead)}: {what}"


def come_message(alert: TrafficAlert, since_raised: timedelta) -> str:
    """The last word when traffic has become slow."""
    return f"The congestion expected at {place_of(alert)} has come, {duration_text(since_raised)} after it was foreseen"


def unexpected_message(alert: TrafficAlert) -> str:
    """The last word when the forecasts have changed."""
    return f"Congestion at {place_of(alert)} is no longer expected"


def joined_message(alert: TrafficAlert, survivor: TrafficAlert) -> str:
    """The last word when another expectation covers it."""
    return f"The congestion expected at {place_of(alert)} is part of that at {place_of(survivor)}: {survivor.alert_id}"


def unknown_message(alert: TrafficAlert) -> str:
    """The last word when nobody forecasts any more."""
    return f"Cleared because forecasts are missing: whether congestion comes at {place_of(alert)} is not known"
