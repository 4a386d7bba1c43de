"""The distinct readings of one sensor in one window, summarised. Pure."""

from collections.abc import Mapping
from datetime import datetime
from math import fsum, sqrt

from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.traffic.readings import speed_of_traffic


def summarise(
    network_id: NetworkId,
    sensor_id: SensorId,
    window_start: datetime,
    window_end: datetime,
    expected_readings: float,
    readings: Mapping[int, TrafficEvent],
    merged: int = 0,
) -> ProcessedTrafficAggregate:
    """The aggregate of `readings` (by timestamp in milliseconds; at least one), whatever order they came in.

    Sums are exactly rounded (`math.fsum`) and the variance is taken about the mean in a second pass, so the figures
    depend on the readings alone, never on their order, and do not cancel out. The standard deviation is the
    population's. The speed of an empty road is none. `share_observed` sums the readings' own shares, 1 where a reading
    states none, over the number that a window expects, and is at most 1; a detector that reports volume without speed
    did observe. `last_event_id` belongs to the reading with the latest timestamp. `merged` is how many messages more
    these readings came in, each with a measure that was missing before it; the revision counts them as well, so that it
    grows.
    """
    if len(readings) == 1:
        (only,) = readings.values()
        return _summary_of_one(network_id, sensor_id, window_start, window_end, expected_readings, only, 1 + merged)
    speeds, volumes, occupancies, shares = list[float](), list[float](), list[float](), list[float]()
    for event in readings.values():
        speed = speed_of_traffic(event.speed_mph, event.volume_vehicles, event.occupancy)
        if speed is not None:
            speeds.append(speed)
        if event.volume_vehicles is not None:
            volumes.append(event.volume_vehicles)
        if event.occupancy is not None:
            occupancies.append(event.occupancy)
        shares.append(1.0 if event.share_observed is None else event.share_observed)
    mean, least, most, deviation = _spread(speeds)
    return ProcessedTrafficAggregate(
        network_id=network_id,
        sensor_id=sensor_id,
        window_start=window_start,
        window_end=window_end,
        revision=len(readings) + merged,
        speed_count=len(speeds),
        mean_speed_mph=mean,
        min_speed_mph=least,
        max_speed_mph=most,
        std_speed_mph=deviation,
        volume_vehicles=fsum(volumes) if volumes else None,
        occupancy=fsum(occupancies) / len(occupancies) if occupancies else None,
        share_observed=min(1.0, fsum(shares) / expected_readings),
        last_event_id=readings[max(readings)].event_id,
    )


def _spread(speeds: list[float]) -> tuple[float | None, float | None, float | None, float | None]:
    if not speeds:
        return None, None, None, None
    least, most = min(speeds), max(speeds)
    # The quotient of an exact sum may still lie one rounding step outside the readings.
    mean = min(max(fsum(speeds) / len(speeds), least), most)
    return mean, least, most, sqrt(fsum((speed - mean) ** 2 for speed in speeds) / len(speeds))


def _summary_of_one(
    network_id: NetworkId,
    sensor_id: SensorId,
    start: datetime,
    end: datetime,
    expected_readings: float,
    only: TrafficEvent,
    revision: int,
) -> ProcessedTrafficAggregate:
    """The same for one reading, at a third of the cost: feeds of five-minute readings have no other windows."""
    speed = speed_of_traffic(only.speed_mph, only.volume_vehicles, only.occupancy)
    share = 1.0 if only.share_observed is None else only.share_observed
    return ProcessedTrafficAggregate(
        network_id,
        sensor_id,
        start,
        end,
        revision,
        0 if speed is None else 1,
        speed,
        speed,
        speed,
        None if speed is None else 0.0,
        only.volume_vehicles,
        only.occupancy,
        min(1.0, share / expected_readings),
        only.event_id,
    )
