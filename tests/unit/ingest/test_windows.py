"""Windows are a function of the log: order, duplicates and crashes change nothing about their final state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.checkpoint import Checkpoint
from services.ingest.windows import PartitionWindows, WindowPolicy
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.traffic.network import Network
from tests.kit.networks import along, network_of

START = datetime(2012, 5, 2, 8, 0, tzinfo=UTC)
LATENESS = timedelta(minutes=15)
A, B = NetworkId("net-a"), NetworkId("net-b")
SENSORS = tuple(SensorId(name) for name in ("s1", "s2", "s3"))
FRESH = Checkpoint(0, 0)

Key = tuple[NetworkId, SensorId, datetime]
Final = dict[Key, ProcessedTrafficAggregate]


def network(network_id: NetworkId = A, interval_s: float = 20.0, window: timedelta = timedelta(minutes=5)) -> Network:
    interval = timedelta(seconds=interval_s)
    return network_of(*along("I-5 N", SENSORS), network_id=network_id, window=window, reading_interval=interval)


NETWORKS = {A: network(A), B: network(B)}


def event(
    second: float,
    speed: float | None = 60.0,
    sensor: SensorId = SENSORS[0],
    event_id: str = "",
    network_id: NetworkId = A,
    volume: float | None = None,
) -> TrafficEvent:
    when = START + timedelta(seconds=second)
    return TrafficEvent(event_id or f"{sensor}@{second}", network_id, sensor, when, speed, volume)


def windows(checkpoint: Checkpoint = FRESH, policy: WindowPolicy | None = None) -> PartitionWindows:
    return PartitionWindows(NETWORKS, policy or WindowPolicy(lateness=LATENESS), checkpoint)


def absorb(final: Final, emitted: Sequence[ProcessedTrafficAggregate]) -> None:
    """Keep the highest revision of each window, as the store does."""
    for aggregate in emitted:
        key = (aggregate.network_id, aggregate.sensor_id, aggregate.window_start)
        if key not in final or final[key].revision <= aggregate.revision:
            final[key] = aggregate


def run(events: Sequence[TrafficEvent], batch: int = 1, target: PartitionWindows | None = None) -> Final:
    target, final = target or windows(), Final()
    for offset, one in enumerate(events):
        target.add(one, offset)
        if offset % batch == batch - 1:
            absorb(final, target.drain())
    absorb(final, target.drain())
    absorb(final, target.drain_idle(1e9))
    return final


def test_a_window_closes_when_the_watermark_reaches_its_end() -> None:
    subject = windows()
    subject.add(event(0, 50.0), 0)
    subject.add(event(299, 70.0), 1)
    assert subject.drain() == []
    subject.add(event(300, 10.0), 2)
    (closed,) = subject.drain()
    assert closed.window_start == START
    assert closed.window_end == START + timedelta(minutes=5)
    assert (closed.revision, closed.speed_count, closed.mean_speed_mph) == (2, 2, 60.0)
    assert (closed.min_speed_mph, closed.max_speed_mph, closed.std_speed_mph) == (50.0, 70.0, 10.0)
    assert closed.last_event_id == "s1@299"
    assert closed.share_observed == pytest.approx(2 / 15)
    assert subject.drain() == []


def test_out_of_orderness_holds_the_watermark_back() -> None:
    subject = windows(policy=WindowPolicy(out_of_orderness=timedelta(seconds=30)))
    subject.add(event(0), 0)
    subject.add(event(329), 1)
    assert subject.drain() == []
    subject.add(event(330), 2)
    assert len(subject.drain()) == 1


def test_a_late_reading_emits_its_window_again_with_a_higher_revision() -> None:
    subject = windows()
    for offset, second in enumerate((0, 300)):
        subject.add(event(second, 50.0), offset)
    subject.drain()
    subject.add(event(20, 70.0), 2)
    (revised,) = subject.drain()
    assert (revised.revision, revised.mean_speed_mph) == (2, 60.0)
    counts = subject.take_counts()
    assert (counts.first, counts.revised, counts.too_late) == (1, 1, 0)


def test_a_reading_after_the_lateness_is_counted_and_changes_nothing() -> None:
    subject = windows()
    subject.add(event(0), 0)
    subject.add(event(300 + 15 * 60 - 1), 1)
    subject.add(event(20), 2)
    subject.add(event(300 + 15 * 60), 3)
    assert [aggregate.revision for aggregate in subject.drain() if aggregate.window_start == START] == [2]
    subject.add(event(40), 4)
    assert subject.drain() == []
    assert subject.take_counts().too_late == 1


def test_a_gap_in_the_feed_closes_windows_by_the_watermark() -> None:
    subject = windows()
    subject.add(event(0), 0)
    subject.add(event(7200), 1)
    assert len(subject.drain()) == 1


def test_the_first_of_two_readings_of_one_moment_wins() -> None:
    subject = windows()
    subject.add(event(0, 50.0, event_id="first"), 0)
    subject.add(event(0, 10.0, event_id="second"), 1)
    subject.add(event(300), 2)
    (closed,) = subject.drain()
    assert (closed.revision, closed.mean_speed_mph, closed.last_event_id) == (1, 50.0, "first")
    assert subject.take_counts().duplicates == 1


def test_an_event_without_a_measure_only_moves_the_watermark() -> None:
    subject = windows()
    subject.add(event(0, None), 0)
    subject.add(event(0, 50.0), 1)
    subject.add(event(300, None), 2)
    (closed,) = subject.drain()
    assert (closed.revision, closed.mean_speed_mph) == (1, 50.0)
    assert subject.take_counts().duplicates == 0


def test_a_reading_without_speed_counts_but_is_no_zero() -> None:
    subject = windows()
    subject.add(event(0, None, volume=4.0), 0)
    subject.add(event(20, 50.0, volume=5.0), 1)
    subject.add(event(300), 2)
    (closed,) = subject.drain()
    assert (closed.revision, closed.speed_count, closed.mean_speed_mph, closed.volume_vehicles) == (2, 1, 50.0, 9.0)
    assert closed.occupancy is None


def test_a_window_of_volumes_alone_has_no_speed() -> None:
    subject = windows()
    subject.add(event(0, None, volume=4.0), 0)
    subject.add(event(300), 1)
    (closed,) = subject.drain()
    assert closed.mean_speed_mph is closed.min_speed_mph is closed.max_speed_mph is closed.std_speed_mph is None


@pytest.mark.parametrize(("interval_s", "readings"), [(20.0, 15), (30.0, 10), (300.0, 1)])
def test_a_full_window_is_observed_whole_whatever_the_interval(interval_s: float, readings: int) -> None:
    subject = PartitionWindows({A: network(interval_s=interval_s)}, WindowPolicy(), FRESH)
    for number in range(readings + 1):
        subject.add(event(number * interval_s), number)
    (closed,) = subject.drain()
    assert (closed.revision, closed.share_observed) == (readings, 1.0)


def test_shares_that_readings_state_are_summed() -> None:
    subject = PartitionWindows({A: network(interval_s=150.0)}, WindowPolicy(), FRESH)
    subject.add(replace(event(0), share_observed=0.5), 0)
    subject.add(replace(event(150), share_observed=0.25), 1)
    subject.add(event(300), 2)
    (closed,) = subject.drain()
    assert closed.share_observed == 0.375


def test_more_readings_than_expected_observe_no_more_than_all() -> None:
    subject = PartitionWindows({A: network(interval_s=300.0)}, WindowPolicy(), FRESH)
    for offset, second in enumerate((0, 20, 300)):
        subject.add(event(second), offset)
    assert subject.drain()[0].share_observed == 1.0


def test_emissions_are_in_the_order_of_time_network_sensor() -> None:
    subject = windows()
    offset = 0
    for network_id in (B, A):
        for second in (300, 0):
            for sensor in reversed(SENSORS):
                subject.add(event(second, sensor=sensor, network_id=network_id), offset)
                offset += 1
        subject.add(event(600, network_id=network_id), offset)
        offset += 1
    emitted = subject.drain()
    assert len(emitted) == 12
    assert emitted == sorted(emitted, key=lambda it: (it.window_start, it.network_id, it.sensor_id))


def test_an_idle_network_emits_open_windows_and_keeps_them() -> None:
    subject = windows(policy=WindowPolicy(idle_timeout_s=60))
    subject.add(event(0, 50.0), 0, now_s=100.0)
    assert subject.drain_idle(159.0) == []
    (snapshot,) = subject.drain_idle(160.0)
    assert snapshot.revision == 1
    assert subject.drain_idle(500.0) == []
    subject.add(event(20, 70.0), 1, now_s=501.0)
    assert subject.drain() == []
    subject.add(event(300), 2, now_s=502.0)
    assert [(it.revision, it.mean_speed_mph) for it in subject.drain()] == [(2, 60.0)]
    assert subject.checkpoint(3, 3).position == 0


def test_a_network_that_stopped_for_good_lets_the_commit_pass() -> None:
    subject = windows(policy=WindowPolicy(idle_timeout_s=60, silence_s=3600))
    subject.add(event(0), 0, now_s=0.0)
    subject.add(event(0, network_id=B), 1, now_s=3600.0)
    assert [it.network_id for it in subject.drain_idle(3600.0)] == [A]
    assert subject.checkpoint(2, 2).position == 1
    subject.add(event(20), 2, now_s=3601.0)
    assert subject.take_counts().too_late == 1


def test_networks_of_different_days_do_not_make_each_other_late() -> None:
    subject = windows()
    for offset, second in enumerate(range(0, 1200, 20)):
        subject.add(event(second), 2 * offset)
        subject.add(event(86400 * 365 * 14 + second, network_id=B), 2 * offset + 1)
    assert subject.take_counts().too_late == 0


def test_memory_holds_no_final_window() -> None:
    subject = windows()
    for offset in range(20_000):
        subject.add(event(offset * 20.0), offset)
        if offset % 500 == 0:
            subject.drain()
    subject.drain()
    assert len(subject._states[A].windows) <= 5
    assert subject.checkpoint(20_000, 20_000).position >= 20_000 - 5 * 15


def test_a_shorter_lateness_after_a_restart_makes_windows_final_at_once() -> None:
    subject = windows()
    for offset, second in enumerate((0, 300, 600)):
        subject.add(event(second), offset)
    subject.drain()
    again = windows(subject.checkpoint(3, 3), WindowPolicy(lateness=timedelta(0)))
    again.add(event(20), 3)
    assert again.take_counts().too_late == 1


# Events of three sensors in two networks, some without measures, on a coarse clock so that moments repeat.
EVENTS = st.lists(
    st.builds(
        event,
        second=st.integers(0, 120).map(lambda step: step * 20.0),
        speed=st.one_of(st.none(), st.floats(0, 120, width=32)),
        sensor=st.sampled_from(SENSORS),
        event_id=st.uuids().map(str),
        network_id=st.sampled_from((A, B)),
        volume=st.one_of(st.none(), st.floats(0, 50, width=32)),
    ),
    max_size=120,
)


def naive(events: Sequence[TrafficEvent]) -> dict[Key, list[TrafficEvent]]:
    """Which readings each window takes, by the definition and without any state but the watermark."""
    taken: dict[Key, list[TrafficEvent]] = {}
    watermark: dict[NetworkId, datetime] = {}
    for one in events:
        start = NETWORKS[one.network_id].window_start(one.timestamp)
        high = watermark.get(one.network_id)
        final = high is not None and high >= start + timedelta(minutes=5) + LATENESS
        if not final and (one.speed_mph is not None or one.volume_vehicles is not None):
            readings = taken.setdefault((one.network_id, one.sensor_id, start), [])
            if all(other.timestamp != one.timestamp for other in readings):
                readings.append(one)
        watermark[one.network_id] = max(high or one.timestamp, one.timestamp)
    return taken


@given(EVENTS)
def test_figures_are_those_of_a_naive_model(events: list[TrafficEvent]) -> None:
    final, expected = run(events), naive(events)
    assert final.keys() == expected.keys()
    for key, readings in expected.items():
        aggregate = final[key]
        speeds = [one.speed_mph for one in readings if one.speed_mph is not None]
        volumes = [one.volume_vehicles for one in readings if one.volume_vehicles is not None]
        assert (aggregate.revision, aggregate.speed_count) == (len(readings), len(speeds))
        if speeds:
            assert aggregate.mean_speed_mph == pytest.approx(np.mean(speeds))
            assert aggregate.std_speed_mph == pytest.approx(np.std(speeds), abs=1e-9)
            assert (aggregate.min_speed_mph, aggregate.max_speed_mph) == (min(speeds), max(speeds))
        assert aggregate.volume_vehicles == (pytest.approx(sum(volumes)) if volumes else None)
        assert aggregate.last_event_id == max(readings, key=lambda one: one.timestamp).event_id


@given(EVENTS, st.integers(1, 50))
def test_batches_do_not_matter(events: list[TrafficEvent], batch: int) -> None:
    assert run(events, batch) == run(events)


@given(EVENTS, st.data())
@settings(max_examples=300)
def test_a_crash_changes_nothing(events: list[TrafficEvent], data: st.DataObject) -> None:
    """(a): commit after any drain, crash anywhere later, as often as you like; (d): the commit is never too far."""
    final, subject, committed, offset = Final(), windows(), FRESH, 0
    crashes = data.draw(st.integers(0, 4))
    while offset < len(events):
        subject.add(events[offset], offset)
        offset += 1
        if data.draw(st.booleans()):
            absorb(final, subject.drain())
            if data.draw(st.booleans()):
                written = subject.checkpoint(offset, offset)
                read = Checkpoint.read(written.position, written.metadata())
                assert read == written
                committed = written
                open_offsets = [
                    window.first_offset for state in subject._states.values() for window in state.windows.values()
                ]
                assert written.position == min([offset, *open_offsets])
        if crashes and data.draw(st.integers(0, 9)) == 0:
            crashes -= 1
            subject, offset = windows(committed), committed.position
    absorb(final, subject.drain())
    absorb(final, subject.drain_idle(1e9))
    undisturbed = run(events)
    assert final == undisturbed


@given(EVENTS, st.randoms(use_true_random=False))
def test_order_within_the_lateness_does_not_matter(events: list[TrafficEvent], chance: object) -> None:
    """(b): readings that are at most the lateness behind the newest make the windows that sorted ones make."""
    distinct = {(one.network_id, one.sensor_id, one.timestamp): one for one in events}.values()
    ordered = sorted(distinct, key=lambda one: one.timestamp)
    jitter = {id(one): chance.uniform(0, LATENESS.total_seconds()) for one in ordered}  # type: ignore[attr-defined]  # random.Random
    shuffled = sorted(ordered, key=lambda one: one.timestamp.timestamp() + jitter[id(one)])
    assert run(shuffled) == run(ordered)


@given(EVENTS, st.data())
def test_duplicates_within_the_lateness_change_nothing(events: list[TrafficEvent], data: st.DataObject) -> None:
    """(c): the same reading again, right behind or some readings later."""
    doubled = list(events)
    for one in data.draw(st.lists(st.sampled_from(events), max_size=20)) if events else ():
        at = next(place for place, other in enumerate(doubled) if other is one)
        doubled.insert(data.draw(st.integers(at + 1, len(doubled))), replace(one, event_id="again"))
    assert run(doubled) == run(events)
