"""The health of sensors from step to step, in service and in the laboratory, and over a restart."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from metrla.lab.forecasting.recorded import Recorded
from services.predictor.recent_log import _put, health_messages
from shared.events.tensors import read_tensors
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS, batch_of
from shared.traffic.arrays import Floats
from shared.traffic.health.rules import Doubt
from shared.traffic.network import Network
from shared.traffic.steps import Step
from tests.kit.networks import along, network_of

MONDAY = datetime(2025, 7, 7, 7, tzinfo=UTC)
SHOWN = LAGS + HORIZONS
SENSORS = 3


@pytest.fixture
def network() -> Network:
    return network_of(*along("I-5 N", ["S0", "S1", "S2"]), network_id="small")


def table(rows: int) -> Floats:
    """Speeds, one sensor stuck at 65 mph for some hours, one silent for a while."""
    speeds = np.random.default_rng(1).uniform(50, 70, (rows, SENSORS)).round(2)
    speeds[60:110, 1] = 65.0
    speeds[70:90, 2] = np.nan
    return speeds


def step_of(network: Network, speeds: Floats, last: int) -> Step:
    part = slice(last - SHOWN + 1, last + 1)
    nothing = np.full((SHOWN, SENSORS), np.nan)
    return Step(
        network=network,
        window_start=MONDAY + last * network.window,
        speed_mph=speeds[part],
        share_observed=nothing,
        volume_vehicles=nothing,
        occupancy=nothing,
        revisions=np.ones((SHOWN, SENSORS), dtype=np.int64),
        again=False,
    )


def followed(forecasting: Forecasting, step: Step) -> None:
    forecasting.learn(forecasting.settle(step), forecasting.judged(step))


def test_serving_hides_what_training_hides(network: Network) -> None:
    speeds = table(200)
    recorded, forecasting = Recorded(network, MONDAY, speeds, 100), Forecasting(network)
    hidden = 0
    for last in range(SHOWN - 1, 200 - HORIZONS):
        step = step_of(network, speeds, last)
        served = batch_of(step, recent=forecasting.recent, doubts=forecasting.doubts(step)).speed_mph
        np.testing.assert_array_equal(served, recorded.batch(np.array([last - LAGS + 1])).speed_mph)
        hidden += int(np.isnan(served[0, :, 1]).sum())
        followed(forecasting, step)
    assert hidden > 400


def test_neither_profile_nor_recent_speeds_learn_what_is_doubted(network: Network) -> None:
    speeds = table(200)
    recorded, forecasting = Recorded(network, MONDAY, speeds, 200), Forecasting(network)
    for last in range(SHOWN - 1, 200):
        followed(forecasting, step_of(network, speeds, last))
    assert np.isnan(recorded.believed_mph[60:110, 1]).all()
    assert np.isfinite(recorded.believed_mph[:60, 1]).all()
    learned = forecasting.recent.days[:, 1] > 0
    assert learned.sum() == 200 - LAGS - 50
    assert not np.any(np.isclose(recorded.profile_mph[:, 1], 65.0))


def test_the_same_step_finds_the_same_doubts_until_it_is_learned(network: Network) -> None:
    speeds, forecasting = table(120), Forecasting(network)
    step = step_of(network, speeds, 80)
    first = forecasting.doubts(step)
    assert forecasting.judged(step)[-1].window_start == step.window_start - LAGS * network.window
    np.testing.assert_array_equal(forecasting.doubts(step), first)
    followed(forecasting, step)
    np.testing.assert_array_equal(forecasting.doubts(step), first)
    assert (first[-1] == [Doubt.NONE, Doubt.STUCK, Doubt.DEAD]).all()


def test_health_comes_back_from_the_log_and_goes_on_as_if_nothing_had_been(network: Network) -> None:
    speeds, forecasting, value = table(150), Forecasting(network), None
    for last in range(SHOWN - 1, 100):
        step = step_of(network, speeds, last)
        for message in health_messages(forecasting.health, forecasting.judged(step)):
            value = message.value
        followed(forecasting, step)
    after = Forecasting(network)
    record = SimpleNamespace(value=value, offset=0)
    _put(record, {network.network_id: after.recent}, {network.network_id: after.health})
    assert after.health.judged == forecasting.health.judged
    for last in range(100, 140):
        step = step_of(network, speeds, last)
        np.testing.assert_array_equal(after.doubts(step), forecasting.doubts(step))
        followed(forecasting, step)
        followed(after, step)


def test_windows_of_before_the_first_step_make_no_sensor_dead(network: Network) -> None:
    forecasting = Forecasting(network)
    step = step_of(network, table(120), SHOWN - 1)
    step.speed_mph[:-2], step.revisions[:-2] = np.nan, 0
    assert not forecasting.doubts(step).any()


@pytest.mark.parametrize("name", ["same", "speed_mph", "doubt"])
def test_health_of_another_form_is_passed_over(network: Network, name: str) -> None:
    speeds, forecasting = table(60), Forecasting(network)
    (message,) = health_messages(forecasting.health, forecasting.judged(step_of(network, speeds, 40)))
    assert message.value is not None
    about, arrays = read_tensors(message.value)
    square = np.zeros((SENSORS, SENSORS), arrays[name].dtype)
    record = SimpleNamespace(value=save({**arrays, name: square}, dict(about)), offset=0)
    _put(record, {network.network_id: forecasting.recent}, {network.network_id: forecasting.health})
    assert forecasting.health.judged is None
