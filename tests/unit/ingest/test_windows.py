"""Windows are a function of the log: order, duplicates and crashes change nothing about their final state."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
from shared.traffic.readings import speed_of_traffic
from tests.chaos.watermark import NaiveTime
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


def everybody(network: Network) -> Collection[SensorId]:
    return network.index


def seeded(checkpoint: Checkpoint = FRESH) -> PartitionWindows:
    """Windows that expect all three sensors, in rounds of few readings."""
    return PartitionWindows(NETWORKS, WindowPolicy(lateness=LATENESS, round_readings=4), checkpoint, everybody)


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


@pytest.mark.parametrize("apart", [False, True], ids=["in one message", "one measure a message"])
def test_an_empty_road_is_no_jam(apart: bool) -> None:  # noqa: FBT001 - a parameter of the test
    whole = replace(event(0, 0.0), volume_vehicles=0.0, occupancy=0.0)
    alone = replace(whole, speed_mph=None, volume_vehicles=None, occupancy=None)
    parts = [replace(alone, speed_mph=0.0), replace(alone, volume_vehicles=0.0), replace(alone, occupancy=0.0)]
    subject = windows()
    for offset, one in enumerate(parts if apart else [whole]):
        subject.add(one, offset)
    (window,) = subject.drain_idle(1e9)
    assert (window.mean_speed_mph, window.speed_count) == (None, 0)
    assert (window.volume_vehicles, window.occupancy) == (0.0, 0.0)
    assert window.share_observed > 0.0


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
    assert (counts.first, counts.revised, counts.too_late) == (1, 1, Counter())


def test_a_reading_after_the_lateness_is_counted_and_changes_nothing() -> None:
    subject = windows()
    subject.add(event(0), 0)
    subject.add(event(300 + 15 * 60 - 1), 1)
    subject.add(event(20), 2)
    subject.add(event(300 + 15 * 60), 3)
    assert [aggregate.revision for aggregate in subject.drain() if aggregate.window_start == START] == [2]
    subject.add(event(40), 4)
    assert subject.drain() == []
    assert subject.take_counts().too_late.total() == 1


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


def test_measures_that_come_one_by_one_make_one_reading() -> None:
    subject = windows()
    subject.add(event(0, 50.0, event_id="speed"), 0)
    subject.add(event(300), 1)
    (first,) = subject.drain()
    subject.add(replace(event(0, None, event_id="occupancy"), occupancy=0.25), 2)
    (second,) = subject.drain()
    subject.add(event(0, 10.0, event_id="volume", volume=7.0), 3)
    (third,) = subject.drain()
    subject.add(replace(event(0, 1.0, event_id="again", volume=1.0), occupancy=0.5), 4)
    assert subject.drain() == []
    assert [it.revision for it in (first, second, third)] == [1, 2, 3]
    assert (third.mean_speed_mph, third.volume_vehicles, third.occupancy) == (50.0, 7.0, 0.25)
    assert (third.speed_count, third.last_event_id) == (1, "speed")
    assert third.share_observed == pytest.approx(1 / 15)
    counts = subject.take_counts()
    assert (counts.merged, counts.duplicates) == (2, 1)


@given(st.permutations([("speed_mph", 50.0), ("volume_vehicles", 7.0), ("occupancy", 0.25)]), st.integers(1, 4))
def test_in_whatever_order_measures_come_the_window_is_the_same(
    measures: Sequence[tuple[str, float]], batch: int
) -> None:
    messages = [replace(event(20.0, None), **{name: value}) for name, value in measures]  # type: ignore[arg-type]  # measures all
    (window,) = run([*messages, *messages], batch).values()
    assert (window.mean_speed_mph, window.volume_vehicles, window.occupancy) == (50.0, 7.0, 0.25)
    assert (window.revision, window.speed_count) == (3, 1)


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
        for sensor in SENSORS:
            subject.add(event(600, sensor=sensor, network_id=network_id), offset)
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
    assert subject.take_counts().too_late.total() == 1


def test_networks_of_different_days_do_not_make_each_other_late() -> None:
    subject = windows()
    for offset, second in enumerate(range(0, 1200, 20)):
        subject.add(event(second), 2 * offset)
        subject.add(event(86400 * 365 * 14 + second, network_id=B), 2 * offset + 1)
    assert not subject.take_counts().too_late


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
    assert again.take_counts().too_late == {(A, SENSORS[0]): 1}


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


MEASURES = ("speed_mph", "volume_vehicles", "occupancy")


def naive(events: Sequence[TrafficEvent]) -> dict[Key, list[TrafficEvent]]:
    """Which messages each window takes something of, by the definition and without any state but the watermark."""
    taken: dict[Key, list[TrafficEvent]] = {}
    times = {network_id: NaiveTime(SENSORS, round_readings=4) for network_id in NETWORKS}
    for one in events:
        start, time = NETWORKS[one.network_id].window_start(one.timestamp), times[one.network_id]
        final = time.watermark_ms >= (start + timedelta(minutes=5) + LATENESS).timestamp() * 1000
        known = taken.get((one.network_id, one.sensor_id, start), [])
        said = {name for other in known if other.timestamp == one.timestamp for name in told(other)}
        if not final and told(one) - said:
            taken.setdefault((one.network_id, one.sensor_id, start), []).append(one)
        time.take(one.sensor_id, one.timestamp.timestamp() * 1000)
    return taken


def told(one: TrafficEvent) -> set[str]:
    return {name for name in MEASURES if getattr(one, name) is not None}


def first_told(messages: Sequence[TrafficEvent], name: str) -> dict[datetime, float]:
    """The first value of a measure at each moment."""
    firsts: dict[datetime, float] = {}
    for one in messages:
        if getattr(one, name) is not None:
            firsts.setdefault(one.timestamp, getattr(one, name))
    return firsts


def driven(messages: Sequence[TrafficEvent]) -> list[float]:
    """The speeds but those of nobody."""
    volumes, occupancies = first_told(messages, "volume_vehicles"), first_told(messages, "occupancy")
    return [
        speed
        for moment, speed in first_told(messages, "speed_mph").items()
        if speed_of_traffic(speed, volumes.get(moment), occupancies.get(moment)) is not None
    ]


@given(EVENTS)
def test_figures_are_those_of_a_naive_model(events: list[TrafficEvent]) -> None:
    final, expected = run(events, target=seeded()), naive(events)
    assert final.keys() == expected.keys()
    for key, readings in expected.items():
        aggregate = final[key]
        speeds, volumes = driven(readings), first_told(readings, "volume_vehicles").values()
        assert (aggregate.revision, aggregate.speed_count) == (len(readings), len(speeds))
        if speeds:
            assert aggregate.mean_speed_mph == pytest.approx(np.mean(speeds))
            assert aggregate.std_speed_mph == pytest.approx(np.std(speeds), abs=1e-9)
            assert (aggregate.min_speed_mph, aggregate.max_speed_mph) == (min(speeds), max(speeds))
        assert aggregate.volume_vehicles == (pytest.approx(sum(volumes)) if volumes else None)
        assert aggregate.last_event_id == max(readings, key=lambda one: one.timestamp).event_id


@given(EVENTS, st.integers(1, 50))
def test_batches_do_not_matter(events: list[TrafficEvent], batch: int) -> None:
    assert run(events, batch, seeded()) == run(events, target=seeded())


@given(EVENTS, st.data())
@settings(max_examples=300)
def test_a_crash_changes_nothing(events: list[TrafficEvent], data: st.DataObject) -> None:
    """(a): commit after any drain, crash anywhere later, as often as you like; (d): the commit is never too far."""
    final, subject, committed, offset = Final(), seeded(), FRESH, 0
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
                held = [
                    place
                    for state in subject._states.values()
                    for place in (
                        *(window.first_offset for window in state.windows.values()),
                        *(rounds.first_offset for rounds in (state.clocks.rounds(offset),) if rounds),
                    )
                ]
                assert written.position == min([offset, *held])
        if crashes and data.draw(st.integers(0, 9)) == 0:
            crashes -= 1
            subject, offset = seeded(committed), committed.position
    absorb(final, subject.drain())
    absorb(final, subject.drain_idle(1e9))
    undisturbed = run(events, target=seeded())
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
def test_a_reading_that_comes_twice_changes_nothing(events: list[TrafficEvent], data: st.DataObject) -> None:
    """(c): the same reading again, before the next one of its network; later it says that its sensor is alive."""
    doubled = list(events)
    for one in data.draw(st.lists(st.sampled_from(events), max_size=20)) if events else ():
        at = next(place for place, other in enumerate(doubled) if other is one)
        following = (place for place in range(at + 1, len(doubled)) if doubled[place].network_id == one.network_id)
        doubled.insert(data.draw(st.integers(at + 1, next(following, len(doubled)))), replace(one, event_id="again"))
    assert run(doubled) == run(events)


TWELVE = tuple(SensorId(f"s{number:02d}") for number in range(12))
ROAD = network_of(
    *along("I-5 N", TWELVE), network_id="road", window=timedelta(minutes=5), reading_interval=timedelta(minutes=1)
)
HOUR_S = 3600.0


def twelve(sensor: SensorId, true_second: float, skew_s: float) -> TrafficEvent:
    when = START + timedelta(seconds=true_second + skew_s)
    return TrafficEvent(f"{sensor}@{true_second}", ROAD.network_id, sensor, when, 60.0)


def on_road(checkpoint: Checkpoint = FRESH) -> PartitionWindows:
    return PartitionWindows({ROAD.network_id: ROAD}, WindowPolicy(), checkpoint, everybody)


def complete(final: Final, sensor: SensorId, windows_due: int) -> bool:
    due = [START + number * ROAD.window for number in range(windows_due)]
    return all((key := (ROAD.network_id, sensor, at)) in final and final[key].share_observed == 1.0 for at in due)


SKEWS = st.dictionaries(st.sampled_from(TWELVE), st.floats(-HOUR_S, HOUR_S), max_size=5)


@given(
    SKEWS, st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 40), st.sampled_from(("first", "among"))
)
@settings(max_examples=60, deadline=None)
def test_a_minority_of_clocks_takes_no_window_from_the_others(
    skews: Mapping[SensorId, float], chance: object, chatter: int, batch: int, where: str
) -> None:
    """Fewer than half of the clocks fast or slow by up to an hour, sending more often or first: others miss nothing."""
    log: list[TrafficEvent] = []
    for minute in range(60):
        spoken = [(sensor, 0.0) for sensor in TWELVE if sensor not in skews]
        chance.shuffle(spoken)  # type: ignore[attr-defined]  # random.Random
        for number in range(chatter):
            for one, skew_s in skews.items():
                place = 0 if where == "first" else chance.randint(0, len(spoken))  # type: ignore[attr-defined]  # random.Random
                spoken.insert(place, (one, skew_s + number))
        log += [twelve(sensor, 60.0 * minute, skew_s) for sensor, skew_s in spoken]
    final = run(log, batch, on_road())
    assert all(complete(final, sensor, 12) for sensor in TWELVE if sensor not in skews)


@given(SKEWS, st.floats(-HOUR_S, HOUR_S), st.integers(0, 59), st.integers(0, 59))
@settings(max_examples=60, deadline=None)
def test_clocks_that_jump_there_and_back_take_nothing_either(
    skews: Mapping[SensorId, float], second_skew_s: float, jumps: int, returns: int
) -> None:
    log = []
    for minute in range(60):
        for sensor in TWELVE:
            skew_s = skews.get(sensor, 0.0) if minute >= jumps else 0.0
            skew_s = second_skew_s if sensor in skews and minute >= returns else skew_s
            log.append(twelve(sensor, 60.0 * minute, skew_s))
    final = run(log, 7, on_road())
    assert all(complete(final, sensor, 12) for sensor in TWELVE if sensor not in skews)


@pytest.mark.parametrize("skew_s", [50 * 60.0, -50 * 60.0])
def test_a_clock_that_is_off_is_named_with_how_far(skew_s: float) -> None:
    subject = on_road()
    for minute in range(30):
        for number, sensor in enumerate(TWELVE):
            subject.add(twelve(sensor, 60.0 * minute, skew_s if number == 3 else 0.0), 12 * minute + number)
    ((who, off_s),) = subject.off().items()
    assert who == (ROAD.network_id, TWELVE[3])
    assert off_s == pytest.approx(skew_s, abs=60)


def test_a_clock_that_was_set_right_is_no_longer_named() -> None:
    subject = on_road()
    for minute in range(20):
        for number, sensor in enumerate(TWELVE):
            off_s = 1800.0 if number == 3 and minute < 10 else 0.0
            subject.add(twelve(sensor, 60.0 * minute, off_s), 12 * minute + number)
            if (minute, number) == (9, 11):
                assert [sensor_id for _, sensor_id in subject.off()] == [TWELVE[3]]
    assert subject.off() == {}


def test_nobody_is_named_when_a_network_goes_on_after_a_gap() -> None:
    subject, offset = on_road(), 0
    for minute in (*range(10), *range(130, 140)):
        for sensor in TWELVE:
            subject.add(twelve(sensor, 60.0 * minute, 0.0), offset)
            assert subject.off() == {}
            offset += 1


def test_a_lone_fast_clock_moves_the_watermark_no_further_than_the_log() -> None:
    """Of one or two sensors in a partition none has a majority against it; the log's own time stands in."""
    subject = windows()
    now_ms = START.timestamp() * 1000
    for minute in range(60):
        logged_ms = now_ms + 60_000 * minute
        subject.add(event(60.0 * minute + 3000, sensor=SENSORS[1]), 2 * minute, logged_ms=logged_ms)
        subject.add(event(60.0 * minute), 2 * minute + 1, logged_ms=logged_ms)
    assert not subject.take_counts().too_late
    assert subject._states[A].watermark_ms <= now_ms + 60_000 * 60
    assert [sensor_id for _, sensor_id in subject.off()] == [SENSORS[1]]


def test_readings_that_were_held_up_do_not_make_their_clocks_slow() -> None:
    """A minority has spoken, so that there is nobody to compare with, and all of it a quarter of an hour ago."""
    subject, now_ms = on_road(), START.timestamp() * 1000 + 3600_000
    for minute in range(20, 46):
        for number, sensor in enumerate(TWELVE[:4]):
            subject.add(twelve(sensor, 60.0 * minute, 0.0), 4 * minute + number, logged_ms=now_ms)
    assert subject.off() == {}


def test_old_readings_are_judged_without_the_log() -> None:
    subject = windows()
    for minute in range(10):
        for number, sensor in enumerate(SENSORS):
            subject.add(event(60.0 * minute, sensor=sensor), 3 * minute + number, logged_ms=1.8e12)
    assert len(subject.drain()) == 3
    assert subject.off() == {}


def test_the_first_reading_of_a_network_makes_nothing_late() -> None:
    subject = on_road()
    subject.add(twelve(TWELVE[0], 0.0, 3000.0), 0)
    for number, sensor in enumerate(TWELVE[1:], 1):
        subject.add(twelve(sensor, 0.0, 0.0), number)
    assert not subject.take_counts().too_late


def test_when_most_sensors_die_the_others_go_on() -> None:
    """Windows are emitted for want of readings, and the dead are no longer waited for after some more."""
    subject, offset, seen = on_road(), 0, set[tuple[SensorId, datetime]]()
    for minute in range(700):
        for sensor in TWELVE if minute < 10 else TWELVE[:3]:
            subject.add(
                twelve(sensor, 60.0 * minute, 0.0), offset, 60.0 * minute, (START.timestamp() + 60 * minute) * 1000
            )
            offset += 1
        seen |= {(it.sensor_id, it.window_end) for it in (*subject.drain(), *subject.drain_idle(60.0 * minute))}
        if minute == 30:
            assert (TWELVE[0], START + timedelta(minutes=25)) in seen
    assert subject._states[ROAD.network_id].final_ms >= (START + timedelta(minutes=680)).timestamp() * 1000


def test_idle_windows_ahead_of_the_network_wait_longer() -> None:
    subject = PartitionWindows({ROAD.network_id: ROAD}, WindowPolicy(idle_timeout_s=60), FRESH, everybody)
    for number, sensor in enumerate(TWELVE):
        subject.add(twelve(sensor, 0.0, 3000.0 if number == 3 else 0.0), number, now_s=0.0)
    assert {it.sensor_id for it in subject.drain_idle(60.0)} == set(TWELVE) - {TWELVE[3]}
    assert [it.sensor_id for it in subject.drain_idle(600.0)] == [TWELVE[3]]


def test_a_checkpoint_of_the_release_before_is_taken_up() -> None:
    old = '{"v":1,"handled":40,"networks":{"net-a":[%d,%d]}}' % (  # noqa: UP031 - braces all over
        START.timestamp() * 1000,
        (START + LATENESS).timestamp() * 1000,
    )
    checkpoint = Checkpoint.read(30, old)
    assert checkpoint is not None
    subject = windows(checkpoint)
    subject.add(event(-20), 30)
    assert subject.take_counts().too_late.total() == 1
    subject.add(event(1200), 31)
    assert subject._states[A].watermark_ms == (START + timedelta(seconds=1200)).timestamp() * 1000
