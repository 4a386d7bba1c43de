"""How old data is: by arrival, against limits of the network's own, at any pace and whatever clocks say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.health_checks import data_health
from services.gateway.log.backlog import Backlog
from services.gateway.views.ages import Age, DataAges, DataStage, DataState
from services.ingest.checkpoint import Checkpoint
from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficPrediction
from shared.kafka.progress import GroupProgress, read_progress
from shared.traffic.network import Network
from tests.kit.networks import network_of, sensor
from tests.kit.windows import processed_window

LEAST_S = 10.0
PUSH_S = 5.0
NETWORK = NetworkId("toy")
Window = Callable[..., ProcessedTrafficAggregate]
Prediction = Callable[..., TrafficPrediction]


@dataclass
class Time:
    """A wall clock and a monotonic one, moved together or, when somebody sets the wall clock, apart."""

    wall: datetime = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
    monotonic_s: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.monotonic_s += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ages(networks: Mapping[NetworkId, Network], time: Time) -> DataAges:
    made = ages_of(networks, time)
    made.complete = True
    return made


def ages_of(networks: Mapping[NetworkId, Network], time: Time) -> DataAges:
    return DataAges(networks, LEAST_S, PUSH_S, lambda: time.wall, lambda: time.monotonic_s)


def ms(moment: datetime) -> int:
    """A moment as the log has it."""
    return round(moment.timestamp() * 1000)


def stale(ages: DataAges) -> tuple[DataStage, ...]:
    return ages.of(NETWORK).stale


def run(ages: DataAges, time: Time, window: Window, prediction: Prediction, *, steps: range, every_s: float) -> None:
    """All stages at work: a step every `every_s` seconds of wall time."""
    for step in steps:
        time.pass_by(every_s)
        one_step(ages, window(step), prediction(step))


def one_step(
    ages: DataAges, window: ProcessedTrafficAggregate | None, prediction: TrafficPrediction | None = None
) -> None:
    """What arrives in one step where nothing is stopped, without what is `None`."""
    ages.note_broker()
    ages.note(NETWORK, DataStage.READINGS)
    if window is not None:
        ages.note_record(window)
        ages.note(NETWORK, DataStage.ALERTS)
        ages.note(NETWORK, DataStage.PUSH)
    if prediction is not None:
        ages.note_record(prediction)


def test_before_the_first_window_it_waits(ages: DataAges) -> None:
    known = ages.of(NETWORK)
    assert (known.state, known.word, known.stale, known.since) == (DataState.WAITING, "waiting", (), None)


def test_a_network_that_nobody_feeds_is_late_once_a_reading_is_due(
    networks: Mapping[NetworkId, Network], time: Time
) -> None:
    ages = ages_of(networks, time)
    time.pass_by(3600.0)
    assert ages.of(NETWORK).state is DataState.WAITING
    ages.complete = True
    (limit_s,) = (age.limit_s for age in ages.of(NETWORK).ages if age.stage is DataStage.READINGS)
    for passed_s in (limit_s, 0.1):
        assert ages.of(NETWORK).word == "waiting"
        time.pass_by(passed_s)
        ages.note_broker()
    known = ages.of(NETWORK)
    assert (known.state, known.stale) == (DataState.STALE, (DataStage.READINGS,))
    assert known.word == "no data yet, since 2026-11-30T13:00:00Z"
    ages.note(NETWORK, DataStage.READINGS)
    assert ages.of(NETWORK).word == "waiting"
    assert data_health([known], complete=True).fault == "toy: no data yet, since 2026-11-30T13:00:00Z"


def test_windows_without_readings_are_no_silence(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    """Whoever writes windows onto the log by other ways than ingest has no readings there."""
    for step in range(1, 300):
        time.pass_by(5.0)
        ages.note_broker()
        for stage in (DataStage.ALERTS, DataStage.PUSH):
            ages.note(NETWORK, stage)
        ages.note_record(window(step))
        ages.note_record(prediction(step))
    assert ages.of(NETWORK).state is DataState.FRESH


def test_health_says_of_data_what_its_ages_say_and_who_knows_why(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 9), every_s=5.0)
    assert data_health(ages.all(), complete=True).word == "healthy"
    for step in range(9, 14):
        time.pass_by(5.0)
        one_step(ages, window(step))
        known = ages.all()
        assert (data_health(known, complete=True).fault is None) == (known[0].state is DataState.FRESH)
    fault = data_health(ages.all(), complete=True).fault
    assert (
        fault
        == "toy: stale since 2026-11-30T12:00:40Z, 5 windows behind (forecasts); /ready of the predictor may say why"
    )


def test_a_replay_of_another_year_is_fresh_while_it_runs_and_stale_when_it_stops(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 20), every_s=5.0)
    assert ages.of(NETWORK).state is DataState.FRESH
    stopped_at = time.wall
    time.pass_by(LEAST_S)
    assert ages.of(NETWORK).state is DataState.FRESH
    time.pass_by(0.1)
    known = ages.of(NETWORK)
    assert known.stale[:2] == (DataStage.BROKER, DataStage.READINGS)
    assert known.since == stopped_at
    assert known.word == "stale since 2026-11-30T12:01:35Z (broker)"


@pytest.mark.parametrize("every_s", [0.0, 1.0, 5.0, 60.0, 300.0, 3600.0])
@pytest.mark.parametrize(
    ("stopped", "named"),
    [("windows", DataStage.WINDOWS), ("forecasts", DataStage.FORECASTS)],
)
def test_what_stops_is_named_after_two_windows_at_any_pace_and_not_before(
    ages: DataAges, time: Time, window: Window, prediction: Prediction, every_s: float, stopped: str, named: DataStage
) -> None:
    run(ages, time, window, prediction, steps=range(1, 9), every_s=every_s)
    limit_s = max(LEAST_S, 2 * every_s)
    passed_s, step, due_s = 0.0, 9, every_s
    while passed_s <= limit_s + LEAST_S:
        first = ages.of(NETWORK).stale[:1]
        assert first == ((named,) if passed_s > limit_s else ()), passed_s
        time.pass_by(pause := max(1.0, every_s / 4))
        passed_s += pause
        one_step(ages, None)
        while stopped != "windows" and due_s <= passed_s:
            one_step(ages, window(step))
            step, due_s = step + 1, due_s + max(every_s, pause)
    one_step(ages, window(step), prediction(step))
    assert not stale(ages)


def test_windows_of_any_length_have_limits_of_their_own(time: Time, networks: Mapping[NetworkId, Network]) -> None:
    (network,) = networks.values()
    for minutes in (1, 5, 15, 60):
        length = timedelta(minutes=minutes)
        ages = ages_of({NETWORK: replace(network, window=length, reading_interval=length)}, time)
        limits = {age.stage: age.limit_s for age in ages.of(NETWORK).ages}
        assert limits[DataStage.WINDOWS] == 2 * 60 * minutes
        assert limits[DataStage.PUSH] == 2 * 60 * minutes + PUSH_S
        assert limits[DataStage.BROKER] == LEAST_S


def test_readings_are_late_by_their_own_interval(time: Time, networks: Mapping[NetworkId, Network]) -> None:
    (network,) = networks.values()
    often = replace(network, reading_interval=timedelta(seconds=30))
    limits = {age.stage: age.limit_s for age in ages_of({NETWORK: often}, time).of(NETWORK).ages}
    assert limits[DataStage.READINGS] == 90.0


def test_live_data_that_was_caught_up_is_not_late_for_the_next_window(ages: DataAges, time: Time) -> None:
    """After an outage several windows come at once; the next takes its five minutes all the same."""
    for number in range(4, -1, -1):
        ages.note_record(processed_window(NETWORK, "s0", time.wall - timedelta(minutes=5 * (number + 1)), 60.0))
    ages.note(NETWORK, DataStage.READINGS)
    ages.note_broker()
    limits = {age.stage: age.limit_s for age in ages.of(NETWORK).ages}
    assert limits[DataStage.WINDOWS] == 600.0


def test_a_pause_in_a_replay_is_no_new_pace(ages: DataAges, time: Time, window: Window, prediction: Prediction) -> None:
    run(ages, time, window, prediction, steps=range(1, 6), every_s=5.0)
    run(ages, time, window, prediction, steps=range(6, 7), every_s=120.0)
    limits = {age.stage: age.limit_s for age in ages.of(NETWORK).ages}
    assert limits[DataStage.WINDOWS] == LEAST_S


def test_readings_tell_that_a_burst_has_given_way_to_a_slower_pace(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    """A demo warms up as fast as it goes, and then a window takes half a minute."""
    run(ages, time, window, prediction, steps=range(1, 9), every_s=0.1)
    for _ in range(3):
        time.pass_by(8.0)
        ages.note_broker()
        ages.note(NETWORK, DataStage.READINGS)
        ages.note_reading_interval(NETWORK, 30.0)
        assert not stale(ages)
    limits = {age.stage: age.limit_s for age in ages.of(NETWORK).ages}
    assert limits[DataStage.WINDOWS] == 60.0


def test_readings_that_are_rarer_than_they_should_be_allow_no_more_than_two_windows(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 9), every_s=300.0)
    ages.note_reading_interval(NETWORK, 7200.0)
    assert {age.stage: age.limit_s for age in ages.of(NETWORK).ages}[DataStage.WINDOWS] == 600.0


def test_a_clock_that_is_set_makes_nothing_old_or_new(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 9), every_s=5.0)
    time.wall += timedelta(days=3)
    assert not stale(ages)
    time.wall -= timedelta(days=6)
    time.pass_by(LEAST_S + 1)
    assert stale(ages)


def test_forecasts_that_only_correct_the_past_or_only_compare_do_not_count(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 9), every_s=5.0)
    for step in range(9, 14):
        time.pass_by(5.0)
        one_step(ages, window(step), prediction(3, revision=2))
        ages.note_record(prediction(step, model="xgboost", serving=False))
    assert stale(ages) == (DataStage.FORECASTS,)


def test_what_is_forecast_in_silence_is_no_sign_of_life(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    run(ages, time, window, prediction, steps=range(1, 6), every_s=5.0)
    for step in range(6, 12):
        time.pass_by(5.0)
        ages.note_broker()
        ages.note_record(replace(prediction(step), current_speed_mph=None))
    known = ages.of(NETWORK)
    assert known.stale[:3] == (DataStage.READINGS, DataStage.WINDOWS, DataStage.FORECASTS)


def test_a_stage_that_never_begins_is_late_once_the_one_before_has(ages: DataAges, time: Time, window: Window) -> None:
    for step in range(1, 4):
        time.pass_by(5.0)
        one_step(ages, window(step))
    assert ages.of(NETWORK).state is DataState.FRESH
    time.pass_by(1.0)
    one_step(ages, window(4))
    assert ages.of(NETWORK).stale == (DataStage.FORECASTS,)


def test_nothing_is_late_before_the_log_is_read(
    networks: Mapping[NetworkId, Network], time: Time, window: Window
) -> None:
    ages = ages_of(networks, time)
    written_at = time.wall - timedelta(hours=1)
    for step in range(1, 9):
        ages.note_record(window(step), ms(written_at + timedelta(seconds=5 * step)))
    assert ages.of(NETWORK).state is DataState.WAITING
    ages.complete = True
    ages.note_broker()
    known = ages.of(NETWORK)
    assert known.stale[0] is DataStage.WINDOWS
    assert known.since == written_at + timedelta(seconds=40)


def test_what_was_written_by_a_clock_that_is_ahead_has_just_come(ages: DataAges, time: Time) -> None:
    ages.note(NETWORK, DataStage.READINGS, ms(time.wall + timedelta(hours=1)))
    (readings,) = (age for age in ages.of(NETWORK).ages if age.stage is DataStage.READINGS)
    assert readings.age_s == 0.0


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_time_that_the_log_may_say_is_borne(written_ms: int) -> None:
    time = Time()
    ages = ages_of({NETWORK: network_of(sensor("s0"), network_id=NETWORK)}, time)
    ages.complete = True
    ages.note(NETWORK, DataStage.READINGS, written_ms)
    (readings,) = (age for age in ages.of(NETWORK).ages if age.stage is DataStage.READINGS)
    assert readings.age_s is not None
    assert readings.age_s >= 0.0


def test_each_network_is_judged_by_itself(networks: Mapping[NetworkId, Network], time: Time, window: Window) -> None:
    other = NetworkId("other")
    ages = ages_of({**networks, other: network_of(*networks[NETWORK].sensors, network_id=other)}, time)
    ages.complete = True
    for step in range(1, 9):
        time.pass_by(5.0)
        one_step(ages, window(step))
        ages.note(other, DataStage.READINGS)
        ages.note_record(window(min(step, 4), network_id=other))
    states = {each.network_id: each.stale for each in ages.all()}
    assert DataStage.WINDOWS not in states[NETWORK]
    assert DataStage.READINGS not in states[other]


@given(st.lists(st.tuples(st.integers(-50, 50), st.floats(0, 4000), st.booleans()), max_size=60))
def test_in_whatever_order_windows_come_ages_and_limits_are_sound(steps: list[tuple[int, float, bool]]) -> None:
    time = Time()
    ages = ages_of({NETWORK: network_of(sensor("s0"), network_id=NETWORK)}, time)
    ages.complete = True
    start = datetime(2012, 5, 2, tzinfo=UTC)
    for step, pause_s, read_back in steps:
        time.pass_by(pause_s)
        made = processed_window(NETWORK, "s0", start + step * timedelta(minutes=5), 60.0)
        ages.note_record(made, ms(time.wall - timedelta(seconds=pause_s / 2)) if read_back else None)
        known = ages.of(NETWORK)
        for age in known.ages:
            assert age.limit_s >= LEAST_S
            assert age.age_s is None or age.age_s >= 0.0
        assert (known.since is None) == (known.state is not DataState.STALE)


def test_what_is_pushed_in_the_silence_of_a_network_is_no_fresh_push(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    ages.note_record(window(0))
    ages.note_push(NETWORK)
    time.pass_by(30)
    ages.note_record(prediction(0))
    ages.note_push(NETWORK)
    time.pass_by(300)
    ages.note_record(replace(prediction(1), current_speed_mph=None))
    ages.note_push(NETWORK)
    assert {age.stage: age.age_s for age in ages.of(NETWORK).ages}[DataStage.PUSH] == 300


def age_of(ages: DataAges, stage: DataStage) -> Age:
    (found,) = (age for age in ages.of(NETWORK).ages if age.stage is stage)
    return found


def test_forecasts_that_come_all_the_time_and_ever_later_are_stale_and_say_how_far_behind(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    """A predictor that is slower than its feed: it makes one step where three windows come."""
    for step in range(1, 31):
        time.pass_by(5.0)
        one_step(ages, window(step), prediction(1 + step // 3))
        known = ages.of(NETWORK)
        behind = age_of(ages, DataStage.FORECASTS).behind_windows
        assert behind == step - (1 + step // 3)
        assert (DataStage.FORECASTS in known.stale) == (5.0 * (behind - 1) > LEAST_S), step
    assert ages.of(NETWORK).word == "stale since 2026-11-30T12:01:00Z, 19 windows behind (forecasts)"
    for step in range(12, 31):
        one_step(ages, None, prediction(step))
    assert ages.of(NETWORK).word == "fresh"


def test_what_came_in_a_burst_is_not_new_because_it_came_just_now(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    """Hours of windows in a second, then a pace at which two windows take ten minutes."""
    run(ages, time, window, prediction, steps=range(1, 9), every_s=300.0)
    for step in range(9, 40):
        one_step(ages, window(step))
    assert not stale(ages)
    for _ in range(3):
        time.pass_by(LEAST_S)
        one_step(ages, None, prediction(9))
        ages.note_reading_interval(NETWORK, 300.0)
    assert stale(ages) == (DataStage.FORECASTS,)
    assert age_of(ages, DataStage.FORECASTS).limit_s == LEAST_S


def test_a_group_that_moves_and_is_behind_is_as_old_as_what_waits_for_it(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    for step in range(1, 12):
        time.pass_by(5.0)
        ages.note_broker()
        ages.note(NETWORK, DataStage.READINGS)
        ages.note_record(window(step))
        ages.note_record(prediction(step))
        ages.note(NETWORK, DataStage.PUSH)
        for stage in (DataStage.WINDOWS, DataStage.ALERTS):
            ages.note_waiting(NETWORK, stage, 3.0 * step)
        late = (DataStage.WINDOWS, DataStage.ALERTS) if 3.0 * step > LEAST_S else ()
        assert stale(ages) == late
    for stage in (DataStage.WINDOWS, DataStage.ALERTS):
        ages.note_waiting(NETWORK, stage, None)
    assert not stale(ages)


def test_an_archive_that_takes_nothing_is_late_after_its_own_time_and_one_that_is_done_never(
    ages: DataAges, time: Time, window: Window, prediction: Prediction
) -> None:
    for step in range(1, 40):
        ages.note_waiting(NETWORK, DataStage.ARCHIVE, None, 35.0)
        run(ages, time, window, prediction, steps=range(step, step + 1), every_s=5.0)
        assert not stale(ages)
    for waited_s in range(0, 60, 5):
        ages.note_waiting(NETWORK, DataStage.ARCHIVE, float(waited_s), 35.0)
        assert stale(ages) == ((DataStage.ARCHIVE,) if waited_s > 35 else ())
    assert data_health(ages.all(), complete=True).word.endswith("(archive); /ready of ingest may say why")


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 5)), max_size=40))
def test_what_waits_is_as_old_as_the_first_look_at_it(steps: list[tuple[int, int, float]]) -> None:
    backlog, end, through, now_s = Backlog(), 0, 0, 0.0
    first_seen: dict[int, float] = {}
    for more, done, pause_s in steps:
        now_s += pause_s
        first_seen |= dict.fromkeys(range(end, end + more), now_s)
        end, through = end + more, min(end + more, through + done)
        waited = backlog.waited_s(0, end, through, now_s)
        assert waited == (None if through == end else pytest.approx(now_s - first_seen[through]))


def test_a_backlog_bears_a_topic_that_was_made_anew_and_records_that_are_no_longer_kept() -> None:
    backlog = Backlog()
    assert backlog.waited_s(0, 10, -1, 0.0) == 0.0
    assert backlog.waited_s(0, 10, -1, 5.0) == 5.0
    assert backlog.waited_s(10, 10, -1, 6.0) is None
    assert backlog.waited_s(10, 12, 10, 7.0) == 0.0
    assert backlog.waited_s(0, 3, 0, 9.0) == 0.0
    waited = [backlog.waited_s(0, second, 0, float(second)) for second in range(10, 10_000)]
    assert waited[-1] == 9_990.0


LONG = '{"flush_s": 1%s}' % ("0" * 400)


@pytest.mark.parametrize(
    "metadata", ["", "x", "[]", "null", '{"handled": true, "flush_s": "5"}', '{"flush_s": -1}', LONG]
)
def test_metadata_of_somebody_else_say_nothing(metadata: str) -> None:
    assert read_progress(metadata) == GroupProgress()


def test_what_ingest_commits_says_how_far_it_has_read_and_when_it_writes() -> None:
    assert read_progress(Checkpoint(position=5, handled=9).metadata()).handled == 9
    assert read_progress(GroupProgress(flush_s=60.0).metadata()).flush_s == 60.0
