"""The alerts that an operator would have seen: recorded days put through the service's own code. Pure.

What `services.alert_detector` composes for a partition is composed here by the same calls: windows to steps, sensor
health, what is learned, incidents and congestion, the life cycle of alerts. Left out is what a recording has not:
forecasts (and the congestion that they lead to expect), advisories, operators' actions and a model to begin with.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import numpy as np

from metrla.lab.incidents.alarms import Alarm
from metrla.lab.incidents.measures import Measures
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.actions.published import PublishedAlerts
from shared.alerts.observed.alerts import ObservedAlerts
from shared.alerts.observed.tuning import DetectorTuning
from shared.events.records import AlertStatus, AlertType, ProcessedTrafficAggregate, TrafficAlert


def live_alerts(
    measures: Measures, tuning: DetectorTuning | None = None, on_window: Callable[[int, int], None] | None = None
) -> list[TrafficAlert]:
    """Every change of every alert, in the order in which the service writes them: raised, updated, cleared.

    It starts with no knowledge, as a service does without a model. Each window comes as a live feed brings it: after
    the ones before it have settled, with the share of it that was observed.

    Args:
        measures: recorded days, imputed values included.
        tuning: how detection is set; `None`: as it ships.
        on_window: told after each window how many of how many are done.
    """
    network, tuned = measures.road.network, DetectorTuning() if tuning is None else tuning
    observed = ObservedAlerts(tuned.rules({network.network_id: network}))
    alerts = PublishedAlerts(observed, AlertActions(), [network.network_id])
    written, window_s = list[TrafficAlert](), network.window / timedelta(seconds=1)
    windows = len(measures.speed_mph)
    for number in range(windows):
        now = number * window_s
        for change in (
            *alerts.handle(list(recorded_windows(measures, number)), now),
            *alerts.tick(now + tuned.settle_seconds),
        ):
            written += change.alerts
        if on_window is not None:
            on_window(number + 1, windows)
    return written


def raised_alarms(measures: Measures, alerts: Sequence[TrafficAlert]) -> list[Alarm]:
    """The incident alerts that were raised, each as an alarm at the window and the sensors that raised it."""
    numbers = {measures.window_end(number): number for number in range(len(measures.speed_mph))}
    return [
        Alarm(numbers[alert.updated_at], tuple(np.flatnonzero(measures.road.flags(alert.affected_sensors)).tolist()))
        for alert in alerts
        if alert.alert_type is AlertType.INCIDENT and alert.status is AlertStatus.RAISED
    ]


def recorded_windows(measures: Measures, number: int) -> Iterator[ProcessedTrafficAggregate]:
    """The windows that ingest would have written of that time."""
    network_id, end = measures.road.network.network_id, measures.window_end(number)
    start = end - measures.road.network.window
    speed, volume, occupancy = (values[number] for values in (measures.speed_mph, measures.volume, measures.occupancy))
    told = np.isfinite(speed) | np.isfinite(volume) | np.isfinite(occupancy)
    # A reading that does not say what of it was observed was observed.
    share = np.ones(len(told)) if measures.share_observed is None else measures.share_observed[number]
    share = np.where(np.isnan(share), 1.0, share)
    for position in np.flatnonzero(told).tolist():
        mph = _known(speed[position])
        yield ProcessedTrafficAggregate(
            network_id=network_id,
            sensor_id=measures.road.sensors[position].sensor_id,
            window_start=start,
            window_end=end,
            revision=1,
            speed_count=0 if mph is None else 1,
            mean_speed_mph=mph,
            min_speed_mph=mph,
            max_speed_mph=mph,
            std_speed_mph=None if mph is None else 0.0,
            volume_vehicles=_known(volume[position]),
            occupancy=_known(occupancy[position]),
            share_observed=min(1.0, float(share[position])),
            last_event_id="",
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
