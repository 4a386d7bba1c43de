"""Recent speeds: learned window by window, once each, and the same in training and in serving."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.forecasting.recorded import Recorded
from services.predictor.recent_log import messages_of, put_rows, rows_in
from shared.events.errors import RejectedEventError
from shared.events.topics import PREDICTOR_STATE
from shared.forecasting.forecasting import SETTLED_WINDOWS, Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS, QUARTERS, batch_of, by_quarter
from shared.traffic.calendar import day_type_slots, slots_per_day
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import (
    FADE,
    MEMORIES,
    PRIOR_DAYS,
    PROFILE_DAYS,
    WEEKS_FADE,
    RecentMeans,
    RecentRow,
    RecentSpeeds,
)
from tests.kit.networks import along, network_of

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)
SENSORS = 4


def learn(recent: RecentSpeeds, start: datetime, speed_mph: np.ndarray) -> RecentRow | None:
    """The row that a window makes, taken in at once."""
    rows = recent.rows_of([start], speed_mph[None])
    for row in rows:
        recent.learn(row)
    return next(iter(rows), None)


def put(value: bytes | None, recent: RecentSpeeds) -> None:
    """What a record holds into what is known."""
    record = SimpleNamespace(value=value, offset=0, timestamp=round(1000 * (MONDAY + 7 * DAY).timestamp()))
    put_rows([row for _, row in rows_in(record, {recent.network.network_id: recent})], recent)


def speeds(*values: float) -> np.ndarray:
    return np.array([*values, *[50.0] * (SENSORS - len(values))])


def test_days_fade(network: Network) -> None:
    recent = RecentSpeeds(network)
    for day, speed in enumerate((60.0, 40.0, 20.0)):
        learn(recent, MONDAY + day * DAY, speeds(speed))
    late, _ = recent.before(day_type_slots(network, [MONDAY]), [MONDAY + 7 * DAY])
    weights = np.array([FADE**2, FADE, 1])
    assert late.days[0, 0] == pytest.approx(weights.sum())
    assert late.speed_mph[0, 0] == pytest.approx(weights @ [60.0, 40.0, 20.0] / weights.sum())
    deviation = late.deviation_mph(np.full((1, SENSORS), 50.0))
    assert deviation[0, 0] == pytest.approx((late.speed_mph[0, 0] - 50) * weights.sum() / (weights.sum() + PRIOR_DAYS))
    assert deviation[0, 1] == pytest.approx(0.0)


def test_the_last_weeks_renew_a_profile(network: Network) -> None:
    recent = RecentSpeeds(network)
    for day, speed in enumerate((60.0, 40.0, 20.0)):
        learn(recent, MONDAY + day * DAY, speeds(speed))
    slots = day_type_slots(network, [MONDAY])
    later = MONDAY + 3 * DAY
    weeks = recent.before(slots, [later])[1]
    weights = np.array([WEEKS_FADE**2, WEEKS_FADE, 1])
    assert weeks.speed_mph[0, 0] == pytest.approx(weights @ [60.0, 40.0, 20.0] / weights.sum())
    profile = np.full((1, SENSORS), 55.0)
    days = weights.sum()
    expected = (PROFILE_DAYS * 55 + days * weeks.speed_mph[0, 0]) / (PROFILE_DAYS + days)
    assert weeks.renewed(profile)[0, 0] == pytest.approx(expected)
    unknown = RecentMeans(np.full((1, SENSORS), np.nan), np.zeros((1, SENSORS)))
    np.testing.assert_array_equal(unknown.renewed(profile), profile)
    # Of the newest window itself: what was known before it.
    assert recent.before(slots, [MONDAY + 2 * DAY])[1].speed_mph[0, 0] == pytest.approx(
        (WEEKS_FADE * 60 + 40) / (WEEKS_FADE + 1)
    )


def test_of_a_window_that_comes_again_is_known_what_was_known_the_first_time(network: Network) -> None:
    recent = RecentSpeeds(network)
    learn(recent, MONDAY, speeds(60.0))
    slots = day_type_slots(network, [MONDAY + DAY])
    first = recent.before(slots, [MONDAY + DAY])
    learn(recent, MONDAY + DAY, speeds(20.0))
    for known, again in zip(first, recent.before(slots, [MONDAY + DAY]), strict=True):
        np.testing.assert_array_equal(known.speed_mph, again.speed_mph)
        np.testing.assert_array_equal(known.days, again.days)


def test_a_window_changes_nothing_that_is_known_before_it(network: Network) -> None:
    rows, changed = 5 * slots_per_day(network), 900
    table = np.random.default_rng(4).uniform(5, 70, (rows, SENSORS))
    other = table.copy()
    other[changed:] = 3.0
    origins = np.arange(changed - LAGS + 1)
    one, two = (Recorded(network, MONDAY, each, rows // 4).batch(origins) for each in (table, other))
    for before, after in ((one.recent, two.recent), (one.weeks, two.weeks)):
        assert before is not None
        assert after is not None
        np.testing.assert_array_equal(before.speed_mph, after.speed_mph)


def test_unknown_is_usual(network: Network) -> None:
    recent = RecentSpeeds(network)
    learn(recent, MONDAY, speeds(np.nan))
    late, _ = recent.before(day_type_slots(network, [MONDAY, MONDAY + timedelta(hours=1)]), [MONDAY + 7 * DAY] * 2)
    assert np.isnan(late.speed_mph[0, 0])
    assert np.isnan(late.speed_mph[1]).all()
    assert not late.deviation_mph(np.full((2, SENSORS), 60.0))[:, 0].any()


def test_a_window_counts_once(network: Network) -> None:
    recent = RecentSpeeds(network)
    first = learn(recent, MONDAY, speeds(60.0))
    assert first is not None
    assert learn(recent, MONDAY, speeds(10.0)) is None
    assert learn(recent, MONDAY - DAY, speeds(10.0)) is None
    np.testing.assert_array_equal(recent.total_mph[first.slot], first.total_mph)


@given(cut=st.integers(0, 40), twice=st.integers(0, 10))
def test_goes_on_from_its_rows(cut: int, twice: int) -> None:
    network = _small()
    random = np.random.default_rng(cut)
    windows = [(MONDAY + step * timedelta(hours=6), random.uniform(5, 70, 2)) for step in range(41)]
    whole, before = RecentSpeeds(network), RecentSpeeds(network)
    rows = [row for start, speed in windows if (row := learn(whole, start, speed)) is not None]
    for start, speed in windows[:cut]:
        learn(before, start, speed)
    after = RecentSpeeds(network)
    latest = {row.slot: row for row in rows[:cut]}  # as a compacted topic keeps them
    for row in sorted(latest.values(), key=lambda row: row.window_start):
        after.learn(row)
    for start, speed in windows[max(0, cut - twice) :]:
        learn(after, start, speed)
    np.testing.assert_array_equal(after.total_mph, whole.total_mph)
    np.testing.assert_array_equal(after.days, whole.days)


def test_quarters() -> None:
    deviation = np.arange(12.0).reshape(1, 12, 1)
    np.testing.assert_allclose(by_quarter(deviation), [[[1.0], [4.0], [7.0], [10.0]]])


def test_training_sees_what_serving_sees(network: Network) -> None:
    rows = 4 * slots_per_day(network)
    table = np.random.default_rng(2).uniform(5, 70, (rows, SENSORS))
    table[100:110, 1] = np.nan
    recorded = Recorded(network, MONDAY, table, rows // 2)
    forecasting, shown = Forecasting(network), LAGS + HORIZONS
    for last in range(shown - 1, rows - HORIZONS):
        step = _step(network, MONDAY, table, last, shown)
        if last % 97 == 0:
            origin = last - LAGS + 1
            now, before = batch_of(step, ages=[0, HORIZONS], recent=forecasting.recent), origin - HORIZONS
            same = recorded.batch(np.array([origin, before]))
            for served, trained in ((now.recent, same.recent), (now.weeks, same.weeks)):
                assert served is not None
                assert trained is not None
                # Also of an origin whose own windows have been learned since.
                np.testing.assert_array_equal(served.days, trained.days)
                np.testing.assert_array_equal(served.speed_mph, trained.speed_mph)
            assert recorded.view(np.array([origin])).recent_mph.shape == (1, QUARTERS, SENSORS)
        forecasting.learn(forecasting.settle(step))


def test_only_settled_windows_are_learned_and_once(network: Network) -> None:
    table = np.random.default_rng(3).uniform(5, 70, (60, SENSORS))
    forecasting = Forecasting(network)
    step = _step(network, MONDAY, table, 40, LAGS + HORIZONS)
    rows = forecasting.settle(step)
    assert rows[-1].window_start == step.window_start - SETTLED_WINDOWS * network.window
    forecasting.learn(rows)
    assert forecasting.settle(replace(step, again=True)) == []
    assert len(forecasting.settle(_step(network, MONDAY, table, 41, LAGS + HORIZONS))) == 1


def test_what_has_settled_is_found_again_until_it_is_learned(network: Network) -> None:
    table = np.random.default_rng(3).uniform(5, 70, (60, SENSORS))
    forecasting = Forecasting(network)
    step = _step(network, MONDAY, table, 40, LAGS + HORIZONS)
    first, second = forecasting.settle(step), forecasting.settle(step)
    assert forecasting.recent.learned is None
    assert len(first) == HORIZONS
    for one, two in zip(first, second, strict=True):
        np.testing.assert_equal(one, two)


def test_windows_of_one_slot_in_one_go_are_as_one_after_the_other(network: Network) -> None:
    starts = [MONDAY, MONDAY + DAY]
    table = np.array([speeds(60.0, np.nan), speeds(20.0, 30.0)])
    whole, single = RecentSpeeds(network), RecentSpeeds(network)
    for row in whole.rows_of(starts, table):
        whole.learn(row)
    for start, speed in zip(starts, table, strict=True):
        learn(single, start, speed)
    np.testing.assert_array_equal(whole.total_mph, single.total_mph)
    np.testing.assert_array_equal(whole.days, single.days)


def test_rows_come_back_from_the_log(network: Network) -> None:
    recent = RecentSpeeds(network)
    row = learn(recent, MONDAY, speeds(np.nan, 30.0))
    assert row is not None
    (message,) = messages_of(network, [row])
    assert message.topic == PREDICTOR_STATE.name
    # A row that was read and goes out again lies otherwise in memory.
    turned = replace(network, sensors=network.sensors[::-1], edges=())
    (message,) = messages_of(turned, [row.for_network(turned, [sensor.sensor_id for sensor in network.sensors])])
    other = RecentSpeeds(turned)
    put(message.value, other)
    np.testing.assert_array_equal(other.total_mph[row.slot], row.total_mph[:, ::-1])
    assert other.learned == MONDAY


def test_a_row_of_an_earlier_release_knows_the_days_and_not_the_weeks(network: Network) -> None:
    recent = RecentSpeeds(network)
    row = learn(recent, MONDAY, speeds(60.0))
    assert row is not None
    earlier = row._replace(total_mph=row.total_mph[0], days=row.days[0])
    other = RecentSpeeds(network)
    other.learn(earlier.for_network(network, [sensor.sensor_id for sensor in network.sensors]))
    slots = np.array([row.slot])
    then = [MONDAY + DAY] * len(slots)
    np.testing.assert_array_equal(other.before(slots, then)[0].speed_mph, recent.before(slots, then)[0].speed_mph)
    assert not other.before(slots, [MONDAY + DAY])[1].days.any()
    with pytest.raises(ValueError, match="shape"):
        earlier.for_network(network, ["S0"])


def test_a_record_without_a_value_changes_nothing(network: Network) -> None:
    recent = RecentSpeeds(network)
    put(None, recent)
    assert recent.learned is None


@pytest.mark.parametrize("value", [b"", b"nonsense", b"\x10" + 7 * b"\0" + b"{}              "])
def test_a_damaged_row_is_refused(network: Network, value: bytes) -> None:
    recent = RecentSpeeds(network)
    with pytest.raises(RejectedEventError, match="damaged row"):
        put(value, recent)
    assert recent.learned is None


def test_an_older_row_changes_nothing(network: Network) -> None:
    recent = RecentSpeeds(network)
    known = learn(recent, MONDAY, speeds(60.0))
    assert known is not None
    zeros = np.zeros((MEMORIES, SENSORS), dtype=np.float32)
    recent.learn(RecentRow(known.slot, MONDAY - DAY, zeros, zeros))
    np.testing.assert_array_equal(recent.total_mph[known.slot], known.total_mph)


def _small() -> Network:
    return network_of(*along("I-5 N", ["S0", "S1"]), network_id="small")


def _step(network: Network, start: datetime, table: np.ndarray, last: int, shown: int) -> Step:
    part = slice(last - shown + 1, last + 1)
    there = np.ones((shown, SENSORS))
    return Step(
        network=network,
        window_start=start + last * network.window,
        speed_mph=table[part],
        share_observed=there,
        volume_vehicles=np.full_like(there, np.nan),
        occupancy=np.full_like(there, np.nan),
        revisions=there.astype(np.int64),
        again=False,
    )
