from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.lab.forecasting.training.trees.rows import Source
from shared.forecasting.inputs.history import HORIZONS, LAGS, QUARTERS, View, last_known
from shared.forecasting.models.tabular import COUNT, DEVIATION_STEPS, NAMES, Tabular
from shared.traffic.calendar import DAYS_IN_WEEK, HALF_HOURS
from shared.traffic.network import Edge, Network
from shared.traffic.usual.deviations import UsualDeviations
from tests.kit.networks import network_of, sensor

SLOTS = 2 * 288
ROADS = ("N", "N", "N", "S", "S")
WEIGHTS = (0.9, 0.8, 0.7, 0.6)


def in_order(order: list[int]) -> Network:
    """Five sensors on two carriageways, linked in a row, in this order."""
    sensors = [
        sensor(f"S{place}", float(place), f"I-405 {road}", latitude=34.0 + place / 100)
        for place, road in enumerate(ROADS)
    ]
    edges = tuple(
        Edge(one.sensor_id, other.sensor_id, weight)
        for (one, other), weight in zip(pairwise(sensors), WEIGHTS, strict=True)
    )
    return network_of(*(sensors[place] for place in order), edges=edges)


NETWORK = in_order([0, 1, 2, 3, 4])
SENSORS = len(ROADS)
DEVIATIONS = UsualDeviations(
    np.random.default_rng(2).uniform(0, 5, (2 * HALF_HOURS, 2, SENSORS)).astype(np.float32),
    np.random.default_rng(3).normal(0, 3, (DAYS_IN_WEEK * HALF_HOURS, SENSORS)).astype(np.float32),
)
PROFILE = np.random.default_rng(1).uniform(40, 70, (SLOTS, SENSORS))


def view_of_seed(seed: int, missing: float, origins: int = 2) -> View:
    rng = np.random.default_rng(seed)
    speed = rng.uniform(5, 75, (origins, LAGS, SENSORS))
    speed[rng.random(speed.shape) < missing] = np.nan
    usual = rng.uniform(40, 70, (origins, LAGS, SENSORS))
    ahead = rng.uniform(40, 70, (origins, HORIZONS, SENSORS))
    late = np.zeros((origins, QUARTERS, SENSORS))
    return View(NETWORK, speed, usual, ahead, rng.integers(0, 288, origins), rng.integers(0, 7, origins), late)


def features(view: View, deviations: UsualDeviations = DEVIATIONS, profile: np.ndarray = PROFILE) -> np.ndarray:
    tabular = Tabular.of(view.network, profile)
    return tabular.features(view, tabular.deviations(deviations, view))


def feature(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[..., NAMES.index(name)]


def test_every_feature_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == COUNT == len(NAMES)


def test_own_windows_are_deviations_from_the_usual_and_missing_ones_are_nan() -> None:
    view = view_of_seed(1, 0.0)
    speed = view.speed_mph.copy()
    speed[0, -1, 0] = np.nan
    rows = features(replace(view, speed_mph=speed))
    assert np.isnan(feature(rows, "deviation_0")[0, 0])
    assert feature(rows, "deviation_0")[1, 0] == pytest.approx(speed[1, -1, 0] - view.usual_mph[1, -1, 0], rel=1e-5)
    assert feature(rows, "age")[0, 0] == 1
    assert feature(rows, "observed")[0, 0] == LAGS - 1
    assert feature(rows, "lowest")[1, 2] == pytest.approx(speed[1, :, 2].min(), rel=1e-6)
    assert feature(rows, "highest")[1, 2] == pytest.approx(speed[1, :, 2].max(), rel=1e-6)


def test_neighbours_network_and_carriageway_are_told() -> None:
    view = view_of_seed(2, 0.0)
    rows = features(view)
    deviation = view.deviation_mph[:, -1]
    assert feature(rows, "downstream_0")[:, 0] == pytest.approx(deviation[:, 1], rel=1e-5)
    assert feature(rows, "upstream_1_0")[:, 1] == pytest.approx(deviation[:, 0], rel=1e-5)
    assert np.isnan(feature(rows, "upstream_1_0")[:, 0]).all()
    assert feature(rows, "downstream_beyond")[:, 0] == pytest.approx(deviation[:, 2], rel=1e-5)
    assert feature(rows, "network_0")[:, 3] == pytest.approx(deviation.mean(axis=1), rel=1e-4)
    assert feature(rows, "carriageway_0")[:, 3] == pytest.approx(deviation[:, 3:].mean(axis=1), rel=1e-4)
    assert feature(rows, "network_slow")[:, 0] == pytest.approx((deviation < -10).mean(axis=1))


def test_what_is_ahead_is_told_relative_to_now() -> None:
    view = view_of_seed(3, 0.0)
    rows = features(view)
    change = view.ahead_mph - view.usual_mph[:, -1:]
    assert feature(rows, "ahead_12") == pytest.approx(change[:, 11], rel=1e-4)
    assert feature(rows, "ahead_lowest") == pytest.approx(change.min(axis=1), rel=1e-4)
    assert (feature(rows, "time")[:, 0] == (view.times / 12).astype(np.float32)).all()
    assert (feature(rows, "day")[:, 0] == view.days).all()


def test_last_known_looks_past_missing_windows() -> None:
    view = view_of_seed(4, 0.0)
    speed = view.speed_mph.copy()
    speed[0, -3:, 1] = np.nan
    speed[0, :, 2] = np.nan
    last, age = last_known(replace(view, speed_mph=speed))
    assert last[0, 1] == view.deviation_mph[0, -4, 1]
    assert age[0].tolist() == [0, 3, LAGS, 0, 0]
    assert last[0, 2] == 0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(SENSORS)), st.floats(0, 1))
def test_the_order_of_the_sensors_does_not_matter(seed: int, order: list[int], missing: float) -> None:
    view = view_of_seed(seed, missing)
    other = replace(
        view,
        network=in_order(order),
        speed_mph=view.speed_mph[..., order],
        usual_mph=view.usual_mph[..., order],
        ahead_mph=view.ahead_mph[..., order],
    )
    deviations = UsualDeviations(DEVIATIONS.by_day_type[..., order], DEVIATIONS.by_day[..., order])
    rows = features(view)
    np.testing.assert_allclose(features(other, deviations, PROFILE[:, order]), rows[:, order], rtol=1e-4, atol=1e-4)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_origins_do_not_see_each_other(seed: int, missing: float) -> None:
    view = view_of_seed(seed, missing, origins=3)
    alone = [
        features(
            replace(
                view,
                speed_mph=view.speed_mph[[row]],
                usual_mph=view.usual_mph[[row]],
                ahead_mph=view.ahead_mph[[row]],
                times=view.times[[row]],
                days=view.days[[row]],
            )
        )
        for row in range(3)
    ]
    np.testing.assert_allclose(np.concatenate(alone), features(view), rtol=1e-5, atol=1e-5)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, SENSORS - 1))
def test_a_sensor_without_input_is_described_by_the_others_alone(seed: int, dead: int) -> None:
    view = view_of_seed(seed, 0.2)
    silent = view.speed_mph.copy()
    silent[:, :, dead] = np.nan
    rows = features(replace(view, speed_mph=silent))
    assert not np.isinf(rows).any()
    own = [place for place, name in enumerate(NAMES) if name.startswith("deviation_")]
    assert np.isnan(rows[:, dead, own]).all()
    assert (feature(rows, "speed")[:, dead] == view.usual_mph[:, -1, dead].astype(np.float32)).all()
    assert (feature(rows, "age")[:, dead] == LAGS).all()
    told = [NAMES.index(name) for name in ("usual", "ahead_12", "time", "day", "free_flow", "network_0")]
    assert np.isfinite(rows[:, dead, told]).all()


def test_nothing_heard_at_all_is_no_error() -> None:
    view = view_of_seed(5, 1.0)
    rows = features(view)
    assert not np.isinf(rows).any()
    assert (feature(rows, "network_0") == 0).all()


def test_deviations_are_told_of_the_windows_ahead() -> None:
    view = replace(view_of_seed(6, 0.0), times=np.array([287, 100]), days=np.array([4, 4]))
    rows = features(view)
    assert feature(rows, "weekday_0")[:, 1] == pytest.approx(DEVIATIONS.by_day[[4 * 48 + 47, 4 * 48 + 16], 1], rel=1e-5)
    # A window after Friday midnight: Saturday deviates as weekends do.
    assert feature(rows, "slow_12")[:, 2] == pytest.approx(DEVIATIONS.by_day_type[[48 + 1, 18], 0, 2], rel=1e-5)
    assert feature(rows, "strays_6")[:, 3] == pytest.approx(DEVIATIONS.by_day_type[[48, 17], 1, 3], rel=1e-5)


def test_of_a_recording(source: Source) -> None:
    view, deviations = (
        source.recorded.view(np.arange(5)),
        source.deviations.at(np.arange(5)[:, None] + 11 + np.array(DEVIATION_STEPS)),
    )
    rows = source.tabular.features(view, deviations)
    assert rows.shape == (5, 4, COUNT)
    assert rows.dtype == np.float32
