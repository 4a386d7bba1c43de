"""What is learned, that it is kept exactly, and what becomes of records that do not fit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from shared.alerts.learned.learner import Learner, scales, tail_after
from shared.alerts.learned.sensors import doubted_sensors
from shared.alerts.learned.start import from_profile
from shared.alerts.learned.state import PRIOR_TAIL, Learned, arrays_of
from shared.alerts.learned.wire import (
    LearnedRecords,
    OtherVersionError,
    UnreadableStateError,
    beginning_of,
    network_of,
    records_of,
)
from shared.alerts.lifecycle.changes import StateRecord
from shared.events.tensors import read_tensors
from shared.traffic.health.always_slow import SlowHours, is_night
from shared.traffic.health.doubted import DoubtedSensor
from shared.traffic.health.rules import Doubt
from shared.traffic.network import Network
from shared.traffic.usual.running import RunningRow

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
PER_DAY = 288


@pytest.fixture(scope="module")
def network(make_network: Callable[..., Network]) -> Network:
    return make_network([0.0, 0.5, 1.0, 1.5], [0.0, 0.5])


def bit_equal(one: Learned, other: Learned) -> bool:
    """Whether both are the same, NaN for NaN."""
    mine, theirs = arrays_of(one), arrays_of(other)
    same = all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine)
    rows = all(
        (a is None) == (b is None)
        and (a is None or b is None or np.array_equal(a.value, b.value, equal_nan=True))
        and (a is None or b is None or np.array_equal(a.seen, b.seen))
        and (a is None or b is None or (a.spread is None) == (b.spread is None))
        for a, b in zip(one.usual.rows, other.usual.rows, strict=True)
    )
    spreads = all(
        a is None
        or b is None
        or a.spread is None
        or b.spread is None
        or np.array_equal(a.spread, b.spread, equal_nan=True)
        for a, b in zip(one.usual.rows, other.usual.rows, strict=True)
    )
    spent = all(
        np.array_equal(getattr(one.spending, name), getattr(other.spending, name))
        for name in ("alarms", "sensor_days", "raised", "correction")
    )
    return same and rows and spreads and spent and (one.step, one.place) == (other.step, other.place)


def taught(
    learner: Learner, steps: int, first: int = 0, learned: Learned | None = None, log: list[StateRecord] | None = None
) -> Learned:
    """What so many windows teach; speeds are a function of the number of the window."""
    learned = learner.nothing() if learned is None else learned
    hours = learner.hours(learned)
    count = len(learner.network.sensors)
    for number in range(first, first + steps):
        chance = np.random.default_rng(number)
        speed = np.where(chance.random(count) < 0.1, np.nan, chance.normal(62, 3, count))
        speed = np.where(chance.random(count) < 0.02, 5.0, speed)
        nothing = np.full(count, np.nan)
        lesson = learner.step(learned, hours, START + (number + 1) * WINDOW, speed, nothing, nothing)
        learned, hours = lesson.after, lesson.hours
        if log is not None:
            log.extend(records_of(learner, learned))
    return learned


def recalled(learner: Learner, log: list[StateRecord]) -> Learned | None:
    found = LearnedRecords(learner)
    for record in log:
        found.put(record.value)
    return found.state()


@pytest.mark.parametrize("steps", [1, 2, PER_DAY, PER_DAY + 40])
def test_what_is_read_back_is_what_was_known(network: Network, steps: int) -> None:
    learner, log = Learner(network, 4.2), list[StateRecord]()
    learned = taught(learner, steps, log=log)
    back = recalled(learner, log)
    assert back is not None
    assert bit_equal(back, learned)
    hours, counted = learner.hours(back), learner.hours(learned)
    assert np.array_equal(hours.known, counted.known)
    assert np.array_equal(hours.slow, counted.slow)


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(1, 40), lost=st.integers(0, 1))
def test_wherever_the_log_ends_learning_goes_on_as_if_nothing_had_been(
    make_network: Callable[..., Network], cut: int, lost: int
) -> None:
    learner, log = Learner(make_network([0.0, 0.5, 1.0]), 4.2), list[StateRecord]()
    straight = taught(learner, 41, log=log)
    # Each step has two records; of the newest the second may not have come, and compaction keeps the last of each key.
    kept = {record.key: record for record in log[: 2 * cut - lost]}
    back = recalled(learner, list(kept.values()))
    assert back is not None
    assert back.step == START + cut * WINDOW
    assert bit_equal(taught(learner, 41 - cut, cut, back), straight)


def test_a_record_that_comes_late_takes_nothing_back(network: Network) -> None:
    learner, log = Learner(network, 4.2), list[StateRecord]()
    learned = taught(learner, 5, log=log)
    back = recalled(learner, [*log, *log[2:4]])
    assert back is not None
    assert bit_equal(back, learned)


def test_records_name_their_network_and_place(network: Network) -> None:
    learner = Learner(network, 4.2)
    now, row = records_of(learner, taught(learner, 3))
    assert (now.key, row.key) == (b"test/now", b"test/2")
    assert network_of(row.key) == "test"
    assert records_of(learner, learner.nothing()) == ()


@pytest.mark.parametrize(
    "value", [b"", b"nonsense", b"\xff" * 40, save({"a": np.zeros(3)}), save({}, {"version": "0"})]
)
def test_what_cannot_be_read_is_said(network: Network, value: bytes) -> None:
    with pytest.raises(UnreadableStateError):
        LearnedRecords(Learner(network, 4.2)).put(value)


def changed(value: bytes, about: Mapping[str, str], **arrays: NDArray[Any] | None) -> bytes:
    """The record with something else in it; `None`: without that array."""
    told, kept = read_tensors(value)
    made = {**kept, **arrays}
    return save({name: array for name, array in made.items() if array is not None}, {**told, **about})


@pytest.mark.parametrize(
    ("about", "arrays"),
    [
        pytest.param({"step": "2026-03-02T08:00:00"}, {}, id="a time without a zone"),
        pytest.param({"step": "9999-12-31T23:59:59-12:00"}, {}, id="beyond the calendar"),
        pytest.param({"step": "2199-01-01T00:00:00+00:00"}, {}, id="the future"),
        pytest.param({"place": "-1"}, {}, id="a place before the first"),
        pytest.param({"place": "576"}, {}, id="a place after the last"),
        pytest.param({"spending": "[]"}, {}, id="a spending that is none"),
        pytest.param(
            {"spending": '{"alarms": [1], "sensor_days": 1, "raised": [0, 0], "correction": [0, 0]}'},
            {},
            id="rungs of another ladder",
        ),
        pytest.param({"sensors": "[]"}, {}, id="no sensors"),
        pytest.param({"sensors": "[[1], [2], [3]]"}, {}, id="sensors that are no ids"),
        pytest.param({"sensors": '{"a": 1, "b": 2, "c": 3}'}, {}, id="sensors that are no list"),
        pytest.param({}, {"surprise": None}, id="an array is missing"),
        pytest.param({}, {"late": np.full(3, np.nan, np.float32)}, id="not a number"),
        pytest.param({}, {"tail": np.full(3, np.inf, np.float32)}, id="infinite"),
        pytest.param({}, {"row_seen": np.full(3, np.nan, np.float32)}, id="a count that is none"),
        pytest.param({}, {"late": np.zeros((3, 1), np.float32)}, id="another shape"),
    ],
)
def test_a_state_that_cannot_be_is_left_out(
    make_network: Callable[..., Network], about: dict[str, str], arrays: dict[str, NDArray[Any] | None]
) -> None:
    learner = Learner(make_network([0.0, 0.5, 1.0]), 4.2)
    now, row = records_of(learner, taught(learner, 3))
    found = LearnedRecords(learner)
    with pytest.raises(UnreadableStateError):
        found.put(changed(now.value, about, **arrays), START + 100 * WINDOW)
    found.put(now.value)
    found.put(row.value)
    back, without = found.state(), recalled(learner, [now, row])
    assert back is not None
    assert without is not None
    assert bit_equal(back, without)


def test_another_version_is_left_out(network: Network) -> None:
    learner = Learner(network, 4.2)
    now, _ = records_of(learner, taught(learner, 3))
    found = LearnedRecords(learner)
    with pytest.raises(OtherVersionError, match="version 9"):
        found.put(now.value.replace(b'"version":"1"', b'"version":"9"'))
    assert found.state() is None


def test_sensors_that_come_and_go_keep_what_the_others_know(network: Network) -> None:
    learner, log = Learner(network, 4.2), list[StateRecord]()
    learned = taught(learner, 20, log=log)
    smaller = Learner(replace(network, sensors=network.sensors[1:]), 4.2)
    back = recalled(smaller, log)
    assert back is not None
    old = {sensor.sensor_id: at for at, sensor in enumerate(learner.road.sensors)}
    at = [old[sensor.sensor_id] for sensor in smaller.road.sensors]
    assert np.array_equal(back.lasting.tail, learned.lasting.tail[at])
    again = recalled(learner, [*log, *records_of(smaller, taught(smaller, 1, 20, back))])
    assert again is not None
    (new,) = set(range(len(old))) - set(at)
    assert again.lasting.tail[new] == np.float32(PRIOR_TAIL)


def test_a_profile_is_where_learning_begins(network: Network) -> None:
    learner = Learner(network, 4.2)
    profile = np.full((2 * PER_DAY, len(network.sensors)), 60.0)
    profile[PER_DAY:] = 70.0
    profile[:, 0] = np.nan
    learned = from_profile(learner, profile)
    assert learned is not None
    assert from_profile(learner, profile[1:]) is None
    speed = np.full(len(network.sensors), 58.0)
    nothing = np.full(len(network.sensors), np.nan)
    hours = learner.hours(learned)
    lesson = learner.step(learned, hours, START + WINDOW, speed, nothing, nothing)
    weekend = learner.step(learned, hours, START + WINDOW + timedelta(days=5), speed, nothing, nothing)
    for one, usual in ((lesson, 60.0), (weekend, 70.0)):
        assert np.isnan(one.sensors.speeds.usual_mph[0])
        assert one.sensors.speeds.usual_mph[1:] == pytest.approx(usual, abs=0.01)
    back = recalled(learner, [*beginning_of(learner, learned), *records_of(learner, lesson.after)])
    assert back is not None
    assert bit_equal(back, lesson.after)


def test_only_the_row_of_the_step_is_written(network: Network) -> None:
    learner, log = Learner(network, 4.2), list[StateRecord]()
    taught(learner, 2, log=log)
    assert [record.key for record in log] == [b"test/now", b"test/0", b"test/now", b"test/1"]


def test_holidays_are_sundays(network: Network) -> None:
    learner = Learner(replace(network, holidays="US"), 4.2)
    fourth_of_july = datetime(2025, 7, 4, 7, tzinfo=UTC)
    assert learner.slot(fourth_of_july) == 6 * PER_DAY
    assert learner.slot(fourth_of_july + timedelta(days=3)) == 0


def test_quantiles_settle_where_one_window_in_a_hundred_is_beyond() -> None:
    chance, tail = np.random.default_rng(1), np.full(3, PRIOR_TAIL, np.float32)
    spread = np.array([0.3, 1.0, 2.0])
    beyond = np.zeros(3)
    for number in range(20_000):
        score = chance.exponential(spread)
        beyond += (score > tail) * (number >= 5_000)
        tail = tail_after(tail, score, np.ones(3, np.bool_))
    assert beyond / 15_000 == pytest.approx(0.01, rel=0.2)
    assert np.all(np.diff(scales(tail)) > 0)


def test_free_flow_is_the_fast_part_of_off_peak_speeds(network: Network) -> None:
    learner = Learner(network, 4.2)
    learned, hours = learner.nothing(), SlowHours.of((), len(network.sensors))
    nothing = np.full(len(network.sensors), np.nan)
    lesson = None
    for number in range(3 * PER_DAY):
        slow = 6 <= (number % PER_DAY) // 12 < 10
        speed = np.random.default_rng(number).normal(20 if slow else 60, 2, len(network.sensors))
        lesson = learner.step(learned, hours, START + (number + 1) * WINDOW, speed, nothing, nothing)
        learned, hours = lesson.after, lesson.hours
        assert np.isfinite(lesson.sensors.speeds.free_flow_mph).all() == (number >= 23)
    assert lesson is not None
    assert lesson.sensors.speeds.free_flow_mph == pytest.approx(60 + 2 * 1.04, abs=1.5)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(5, 80) | st.none()), max_size=30))
def test_hours_are_counted_as_they_change(changes: list[tuple[int, float | None]]) -> None:
    rows: list[RunningRow | None] = [None] * 6
    hours = SlowHours.of((), 1)
    for place, speed in changes:
        value = np.full((1, 1), np.nan if speed is None else np.log(speed))
        hours = hours.changed(
            rows[place], row := RunningRow(value, np.ones((1, 1))), night=is_night(place, len(rows) // 2)
        )
        rows[place] = row
    anew = SlowHours.of(tuple(rows), 1)
    assert np.array_equal(hours.known, anew.known)
    assert np.array_equal(hours.slow, anew.slow)
    assert np.array_equal(hours.night_slow, anew.night_slow)


def test_names_on_the_log_stay(network: Network) -> None:
    """Another version reads what this one wrote: a field that is renamed in code keeps its name there."""
    learner, log = Learner(network, 4.2), list[StateRecord]()
    taught(learner, 1, log=log)
    now, row = (load(record.value) for record in log)
    assert set(row) == {"row_value", "row_seen", "row_spread"}
    assert set(now) - set(row) == {
        *("late", "surprise", "count", "standing", "age", "tail", "free_flow_mph", "free_flow_windows"),
        *("doubt", "doubted_since", "peak", "quiet"),
        *("health_silent", "health_same", "health_speed_mph", "health_owed", "health_top_mph", "health_apart"),
        *("health_repeats_slow", "health_repeats_free", "health_repeats_light", "health_repeats_top"),
    }


def test_why_a_sensor_is_not_believed_and_since_when(network: Network) -> None:
    learner, chance = Learner(network, 4.2), np.random.default_rng(1)
    learned, hours = learner.nothing(), learner.hours(learner.nothing())
    nothing, doubted = np.full(len(network.sensors), np.nan), doubted_sensors(learner.road, learned)
    for number in range(20):
        speed = chance.normal(55, 2, len(network.sensors))
        speed[1] = 30.0 if number >= 4 else speed[1]
        lesson = learner.step(learned, hours, START + (number + 1) * WINDOW, speed, nothing, nothing)
        learned, hours = lesson.after, lesson.hours
        doubted = doubted_sensors(learner.road, learned)
        assert doubted.sensors.keys() == ({network.sensors[1].sensor_id} if number >= 9 else set())
    assert doubted.as_of == START + 20 * WINDOW
    assert doubted.sensors[network.sensors[1].sensor_id] == DoubtedSensor(Doubt.STUCK, START + 9 * WINDOW)
    assert recalled(learner, [*records_of(learner, learned)]) is not None


def test_a_sensor_that_is_slow_every_night_is_not_believed(network: Network) -> None:
    """As METR-LA's 771667: 37 mph at night and traffic's own speeds by day, while its neighbours flow at 62 to 70."""
    learner = Learner(network, 4.2)
    hour = np.arange(2 * PER_DAY) % PER_DAY * 24 // PER_DAY
    profile = np.full((2 * PER_DAY, len(network.sensors)), 65.0)
    profile[hour < 6, 1] = 37.0
    learned = from_profile(learner, profile)
    assert learned is not None
    speed, nothing = np.full(len(network.sensors), 60.0), np.full(len(network.sensors), np.nan)
    lesson = learner.step(learned, learner.hours(learned), START + WINDOW, speed, nothing, nothing)
    alone = len(network.carriageways[network.sensors[1].road_name]) > 1
    found = doubted_sensors(learner.road, lesson.after).sensors
    assert {sensor_id: one.doubt for sensor_id, one in found.items()} == (
        {network.sensors[1].sensor_id: Doubt.SLOW_NIGHTS} if alone else {}
    )
    # Where the whole road is slow at night it is believed.
    profile[hour < 6] = 37.0
    learned = from_profile(learner, profile)
    assert learned is not None
    lesson = learner.step(learned, learner.hours(learned), START + WINDOW, speed, nothing, nothing)
    assert doubted_sensors(learner.road, lesson.after).sensors == {}


def test_what_an_earlier_version_did_not_write_begins_anew(network: Network) -> None:
    learner, log = Learner(network, 4.2), list[StateRecord]()
    before = taught(learner, 30, log=log)
    old = []
    for record in log:
        about, arrays = read_tensors(record.value)
        kept = {name: values for name, values in arrays.items() if name not in {"health_top_mph", "doubt"}}
        old.append(replace(record, value=save(kept, dict(about))))
    back = recalled(learner, old)
    assert back is not None
    assert back.step is not None
    assert (back.lasting.doubt == 0).all()
    assert before is not None


def test_a_doubt_that_a_later_version_wrote_is_a_doubt(network: Network) -> None:
    learner = Learner(network, 4.2)
    learned = taught(learner, 2)
    doubt = np.array([100, 0, *learned.lasting.doubt[2:]], np.int8)
    since = np.full(len(doubt), 2**62, np.int64)
    later = replace(learned, lasting=replace(learned.lasting, doubt=doubt, doubted_since=since))
    first = learner.road.sensors[0].sensor_id
    assert doubted_sensors(learner.road, later).sensors[first].doubt is Doubt.PROBATION
