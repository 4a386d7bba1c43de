from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.forecasting.recorded import Recorded, last_values
from shared.forecasting.inputs.history import HORIZONS, batch_of, minutes_ahead, place_of, view_of
from shared.traffic.calendar import day_type_slots, days_of, slots_per_day
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.profile import learned_profile
from shared.traffic.usual.transfer import completed

LOCAL = ZoneInfo("America/Los_Angeles")


def test_slots_are_local_and_tell_weekends_apart(network: Network) -> None:
    monday = datetime(2026, 3, 2, 0, 0, tzinfo=LOCAL)
    saturday = datetime(2026, 3, 7, 17, 35, tzinfo=LOCAL)
    assert day_type_slots(network, [monday, saturday.astimezone(UTC)]).tolist() == [0, 288 + 17 * 12 + 7]


def test_slots_follow_daylight_saving(network: Network) -> None:
    before, after = datetime(2026, 3, 6, 16, 0, tzinfo=UTC), datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
    assert day_type_slots(network, [before, after]).tolist() == [8 * 12, 9 * 12]


def test_a_profile_is_the_mean_of_its_slot() -> None:
    slots = np.array([0, 1, 0, 1])
    speeds = np.array([[10.0], [50.0], [20.0], [np.nan]])
    profile = learned_profile(speeds, slots, per_day=2, smoothing=0).profile_mph
    np.testing.assert_allclose(profile[:2, 0], [15.0, 50.0])
    np.testing.assert_allclose(profile[2:, 0], [15.0, 50.0])  # no weekend was recorded


def test_a_slot_that_no_day_had_takes_the_mean_and_a_dead_sensor_nothing() -> None:
    profile = learned_profile(np.array([[40.0, np.nan]]), np.array([0]), per_day=4, smoothing=0).profile_mph
    assert np.all(profile[:, 0] == 40.0)
    assert np.isnan(profile[:, 1]).all()


@given(
    speeds=st.lists(st.floats(1, 80) | st.just(float("nan")), min_size=1, max_size=40),
    smoothing=st.integers(0, 3),
)
def test_a_profile_stays_within_what_was_seen(speeds: list[float], smoothing: int) -> None:
    table = np.array(speeds)[:, None]
    usual = learned_profile(table, np.arange(len(speeds)) % 16, per_day=8, smoothing=smoothing)
    for learned in (usual.profile_mph, usual.left_out_mph):
        if np.isnan(table).all():
            assert np.isnan(learned).all()
        else:
            assert np.all((learned >= np.nanmin(table) - 1e-6) & (learned <= np.nanmax(table) + 1e-6))


def test_a_window_is_set_against_the_other_days_only() -> None:
    days = np.repeat([[30.0], [50.0], [61.0]], 8, axis=0)
    usual = learned_profile(days, np.tile(np.arange(8), 3), per_day=8, smoothing=0)
    assert np.all(usual.profile_mph == 47.0)
    np.testing.assert_allclose(usual.left_out_mph[::8, 0], [55.5, 45.5, 40.0])


def test_the_batch_of_a_step_knows_its_slots(network: Network, step_of: Callable[..., Step]) -> None:
    step = step_of(100)
    batch = batch_of(step)
    assert slots_per_day(network) == 288
    assert batch.lag_slots.tolist() == [list(range(89, 101))]
    assert batch.ahead_slots.tolist() == [list(range(101, 113))]
    assert batch.observed.shape == (1, 4)
    assert batch.observed[0, -1] == 0
    assert batch.days.tolist() == [0]
    assert step.window_end - step.window_start == timedelta(minutes=5)


def test_a_public_holiday_counts_as_a_sunday(network: Network) -> None:
    memorial_day = datetime(2012, 5, 28, 0, 5, tzinfo=LOCAL)
    ordinary = replace(network, holidays=None)
    keeps = replace(network, holidays="US-CA")
    assert (day_type_slots(ordinary, [memorial_day]).tolist(), days_of(ordinary, [memorial_day]).tolist()) == ([1], [0])
    assert (day_type_slots(keeps, [memorial_day]).tolist(), days_of(keeps, [memorial_day]).tolist()) == ([289], [6])
    new_year_in_utc = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
    assert days_of(keeps, [new_year_in_utc]).tolist() == [2]


def test_a_view_sets_a_batch_against_a_profile(step_of: Callable[..., Step]) -> None:
    batch = batch_of(step_of(100), ages=(0,))
    view = view_of(batch, np.arange(576.0)[:, None] + np.zeros(4))
    assert view.usual_mph[0, :, 0].tolist() == list(range(89, 101))
    assert view.ahead_mph[0, :, 3].tolist() == list(range(101, 113))
    assert (view.times.tolist(), view.days.tolist()) == ([100], [0])
    assert np.array_equal(view.seen, ~np.isnan(batch.speed_mph))
    assert np.all(view.deviation_mph[~view.seen] == 0.0)


def test_training_sees_what_serving_sees(recorded: Recorded, step_of: Callable[..., Step]) -> None:
    origins = np.array([3, 500, 2000])
    together = recorded.batch(origins)
    for place, origin in enumerate(origins.tolist()):
        batch = batch_of(step_of(origin + 11))
        np.testing.assert_array_equal(together.speed_mph[place], batch.speed_mph[0])
        np.testing.assert_array_equal(together.lag_slots[place], batch.lag_slots[0])
        np.testing.assert_array_equal(together.ahead_slots[place], batch.ahead_slots[0])
        assert together.days[place] == batch.days[0]


def test_a_view_of_the_training_part_leaves_its_own_day_out(recorded: Recorded) -> None:
    origins = np.array([100, recorded.origins - 1])
    view = recorded.view(origins)
    assert not np.isnan(view.usual_mph).any()
    assert not np.isnan(view.ahead_mph).any()
    profile = completed(recorded.network, recorded.profile_mph)
    as_learned = replace(recorded.batch(origins), weeks=None)
    trained_on, later = np.abs(view.usual_mph - view_of(as_learned, profile).usual_mph)
    assert trained_on[:, :3].max() > 0.1
    assert later[:, :3].max() == 0.0


def test_what_happened_is_what_comes_after_the_lags(recorded: Recorded, history: object) -> None:
    actual = recorded.actual(np.array([5]))
    assert actual.shape == (1, 4, 12)
    speeds = history.speed_mph  # type: ignore[attr-defined]
    np.testing.assert_array_equal(actual[0], speeds[17:29].T)


def test_the_last_value_is_the_last_one_known(recorded: Recorded) -> None:
    speeds = np.full((1, 12, 4), np.nan)
    speeds[0, 3, 0] = 20.0
    batch = replace(recorded.batch(np.array([0])), speed_mph=speeds)
    last = last_values(batch, np.full((1, 4, 1), 60.0))
    assert last.shape == (1, 4, 12)
    assert last[0, :, 0].tolist() == [20.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_every_horizon_is_found_by_its_minutes(minutes: int) -> None:
    window = timedelta(minutes=minutes)
    assert [place_of(ahead, window) for ahead in minutes_ahead(window)] == list(range(HORIZONS))
    assert place_of(0, window) is None
    assert place_of((HORIZONS + 1) * minutes, window) is None
