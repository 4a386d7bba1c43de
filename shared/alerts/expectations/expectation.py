"""Where congestion is expected: sensors joined along the road. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.queues import CongestionRule, Queue, stretches
from shared.alerts.congestion.reference import CRAWL_MPH
from shared.alerts.expectations.outlook import Outlook
from shared.events.quantities import FREE_FLOW_MPH
from shared.events.records import SensorId
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.roadway import Roadway


@dataclass(frozen=True, slots=True)
class ExpectationRule:
    """When congestion is expected: probable at two origins in a row where traffic is seen to flow, until improbable.

    Slow is what is slow for observed congestion, and stretches are joined as queues are (`congestion`).
    """

    congestion: CongestionRule = field(default_factory=CongestionRule)
    raise_at: float = 0.8
    keep_at: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A stretch where congestion is probable. `there`: part of it, or next to it, is congested already.

    `queue` is what is forecast, with the speeds of each sensor's slowest horizon; it is `detected` where the stretch is
    probable enough to raise an alert. `probability` is that of slow traffic at `position` and `horizon`: the first that
    reaches `raise_at`, the most probable one where none does.
    """

    queue: Queue
    there: bool
    position: int
    horizon: int
    probability: float
    expected_at: datetime

    @property
    def sensor_ids(self) -> tuple[SensorId, ...]:
        """Ids of the sensors, upstream first."""
        return self.queue.sensor_ids


def expected_stretches(
    road: Roadway, now: Outlook, before: Outlook | None, blocked: Flags, rule: ExpectationRule, window: timedelta
) -> list[Expected]:
    """The stretches that are expected to be congested, or are, in road order.

    Args:
        road: the layout of the network.
        now: what was forecast last.
        before: what was forecast before that, if anything.
        blocked: (sensors,) of active alerts of other kinds.
        rule: the thresholds.
        window: between two origins that are in a row.
    """
    if not now.minutes:
        return []
    congested = congested_sensors(now, rule) | blocked
    greatest = _greatest(now)
    probable = greatest >= rule.keep_at
    # Of a sensor that is silent nobody knows whether it is congested already.
    seeds = (greatest >= rule.raise_at) & ~congested & np.isfinite(now.current_mph)
    in_a_row = before is not None and bool(before.minutes) and now.at - before.at == window
    seeds &= _greatest(before) >= rule.raise_at if before is not None and in_a_row else False
    found = stretches(road, probable | congested, np.isfinite(greatest), rule.congestion)
    return [
        _expected(road, now, stretch[probable[stretch]], seeds, rule, there=bool(congested[stretch].any()))
        for stretch in found
        if probable[stretch].any()
    ]


def congested_sensors(now: Outlook, rule: ExpectationRule) -> Flags:
    """Which sensors (sensors,) tell slow traffic at present."""
    flags: Flags = now.current_mph < rule.congestion.slow_mph
    return flags


def probable_sensors(now: Outlook, rule: ExpectationRule) -> tuple[Flags, Flags]:
    """Which sensors (sensors,) are probably congested at some horizon, and of which anything was forecast."""
    greatest = _greatest(now)
    return greatest >= rule.keep_at, np.isfinite(greatest)


def _greatest(outlook: Outlook) -> Floats:
    told = outlook.probability.max(axis=0, initial=-1.0, where=np.isfinite(outlook.probability))
    greatest: Floats = np.where(told < 0, np.nan, told)
    return greatest


def _expected(
    road: Roadway, now: Outlook, stretch: Integers, seeds: Flags, rule: ExpectationRule, *, there: bool
) -> Expected:
    # A horizon that nobody on the stretch was forecast for decides nothing.
    here = np.nan_to_num(now.probability[:, stretch], nan=-1.0)
    reached = here >= rule.raise_at
    horizon = int(np.argmax(reached.any(axis=1)))
    if not reached.any():
        horizon = int(np.argmax(here.max(axis=1)))
    position = int(stretch[int(np.argmax(here[horizon]))])
    probability = float(now.probability[horizon, position])
    speed = np.nanmin(now.predicted_mph[:, stretch], axis=0)
    return Expected(
        queue=_queue(road, stretch, speed, probability, detected=bool(seeds[stretch].any())),
        there=there,
        position=position,
        horizon=horizon,
        probability=probability,
        expected_at=now.target(horizon),
    )


def _queue(road: Roadway, stretch: Integers, speed: Floats, probability: float, *, detected: bool) -> Queue:
    sensors = tuple(road.sensors[position] for position in stretch)
    miles = road.length_miles[stretch]
    lanes: Sequence[int] = [sensor.lane_count for sensor in sensors if sensor.lane_count is not None]
    hours = miles / np.maximum(speed, CRAWL_MPH) - miles / FREE_FLOW_MPH
    return Queue(
        road_name=sensors[0].road_name,
        sensors=sensors,
        detected=detected,
        extent_miles=float(miles.sum()),
        mean_speed_mph=float(np.average(speed, weights=miles + np.finfo(float).eps)),
        delay_minutes=float(60 * np.maximum(hours, 0.0).sum()),
        drop_mph=0.0,
        lanes=sum(lanes) / len(lanes) if lanes else None,
        evidence=probability,
    )
