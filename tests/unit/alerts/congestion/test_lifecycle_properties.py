"""What holds for every field of speeds and every place of a restart."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.alerts.congestion.queues import CongestionRule, find_queues
from shared.events.records import AlertStatus, TrafficAlert
from shared.traffic.network import Network
from shared.traffic.roadway import roadway

SPEEDS = (np.nan, 10.0, 25.0, 38.0, 42.0, 55.0, 65.0)
SENSORS = 14
LONG_ENOUGH_TO_CLEAR = 8

Field = NDArray[np.float64]


class Drive(Protocol):
    log: list[TrafficAlert]
    batches: list[list[TrafficAlert]]
    rows: list[Field]

    @property
    def active(self) -> Sequence[TrafficAlert]: ...
    def feed(self, row: Field) -> list[TrafficAlert]: ...
    def judge(self) -> list[TrafficAlert]: ...
    def restart(self) -> None: ...


@st.composite
def fields(draw: st.DrawFn) -> Field:
    """Steps of 14 sensors: blocks of slow or missing traffic that stand for a while, and single points of noise."""
    steps = draw(st.integers(8, 45))
    field = np.full((steps, SENSORS), 65.0)
    for _ in range(draw(st.integers(0, 8))):
        first, sensor = draw(st.integers(0, steps - 1)), draw(st.integers(0, SENSORS - 1))
        last, width = first + draw(st.integers(1, 25)), draw(st.integers(1, 7))
        field[first:last, sensor : sensor + width] = draw(st.sampled_from(SPEEDS))
    for step, sensor, speed in draw(
        st.lists(
            st.tuples(st.integers(0, steps - 1), st.integers(0, SENSORS - 1), st.sampled_from(SPEEDS)), max_size=25
        )
    ):
        field[step, sensor] = speed
    return field


def network_of(make_network: Callable[..., Network]) -> Network:
    return make_network([0, 0.5, 1, 1.5, 2, 3, 4, 4.2], [0, 1, 2, 2.5, 3, 7])


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(field=fields(), restarts=st.sets(st.integers(0, 44), max_size=6))
def test_restarts_change_nothing(
    make_network: Callable[..., Network], make_drive: Callable[..., Drive], field: Field, restarts: set[int]
) -> None:
    network = network_of(make_network)
    straight, interrupted = make_drive(network), make_drive(network)
    for number, row in enumerate(field):
        straight.feed(row)
        if number in restarts:
            interrupted.restart()
        interrupted.feed(row)
        if number in restarts:
            interrupted.restart()
            assert interrupted.judge() == []
    assert interrupted.log == straight.log


@quick
@given(field=fields(), crash=st.integers(0, 44), back=st.integers(0, 12), written=st.integers(0, 3))
def test_a_crash_between_carriageways_of_one_step_changes_nothing(
    make_network: Callable[..., Network],
    make_drive: Callable[..., Drive],
    field: Field,
    crash: int,
    back: int,
    written: int,
) -> None:
    network = network_of(make_network)
    straight, broken = make_drive(network), make_drive(network)
    for number, row in enumerate(field):
        straight.feed(row)
        logged, batched = len(broken.log), len(broken.batches)
        broken.feed(row)
        if number == crash:
            # Some carriageways' changes reached the log, and after the restart older steps come again before this one.
            reached = [alert for batch in broken.batches[batched:][:written] for alert in batch]
            broken.log[logged:] = reached
            broken.restart()
            rows = broken.rows
            for newest in range(max(1, len(rows) - back), len(rows) + 1):
                broken.rows = rows[:newest]
                broken.judge()
    assert Counter(broken.log) == Counter(straight.log)


@quick
@given(field=fields())
def test_what_holds_at_every_step(
    make_network: Callable[..., Network], make_drive: Callable[..., Drive], field: Field
) -> None:
    network = network_of(make_network)
    drive = make_drive(network)
    revisions: dict[str, int] = {}
    for row in field:
        for alert in drive.feed(row):
            assert alert.revision == revisions.get(alert.alert_id, 0) + 1
            revisions[alert.alert_id] = alert.revision
            assert (alert.revision == 1) == (alert.status is AlertStatus.RAISED)
            assert 0 <= alert.confidence_score <= 1
            along = [network[sensor_id] for sensor_id in alert.affected_sensors]
            assert len({sensor.road_name for sensor in along}) == 1
            assert along == sorted(along, key=lambda sensor: sensor.travel_miles)
        covered = [sensor_id for alert in drive.active for sensor_id in alert.affected_sensors]
        assert len(covered) == len(set(covered)), "one sensor in two active alerts"


@quick
@given(field=fields())
def test_every_alert_is_raised_once_and_cleared_once_when_traffic_flows_or_falls_silent(
    make_network: Callable[..., Network], make_drive: Callable[..., Drive], field: Field
) -> None:
    for after in (65.0, np.nan):
        drive = make_drive(network_of(make_network))
        for row in [*field, *np.full((LONG_ENOUGH_TO_CLEAR, SENSORS), after)]:
            drive.feed(row)
        assert drive.active == []
        times = Counter((alert.alert_id, alert.status) for alert in drive.log)
        for alert_id in {alert.alert_id for alert in drive.log}:
            assert times[alert_id, AlertStatus.RAISED] == 1
            assert times[alert_id, AlertStatus.CLEARED] == 1


@quick
@given(field=fields())
def test_every_detected_queue_has_a_standing_alert(
    make_network: Callable[..., Network], make_drive: Callable[..., Drive], field: Field
) -> None:
    network = network_of(make_network)
    drive, rule, road = make_drive(network), CongestionRule(), roadway(network)
    for number, row in enumerate(field, start=1):
        members = road.flags(sensor_id for alert in drive.active for sensor_id in alert.affected_sensors)
        drive.feed(row)
        speeds = np.vstack([np.full((rule.points, SENSORS), np.nan), field[:number]])[-rule.points :, road.columns]
        covered = {sensor_id for alert in drive.active for sensor_id in alert.affected_sensors}
        for queue in find_queues(road, speeds, np.isfinite(speeds).astype(np.float64), members, rule):
            if queue.detected and queue.lasting:
                assert covered.intersection(queue.sensor_ids)
