"""The health of sensors from step to step, in service and in the laboratory, and over a restart."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from numpy.typing import NDArray
from safetensors.numpy import save

from metrla.lab.forecasting.recorded import Recorded
from services.predictor.recent_log import health_in, health_messages, rows_in
from shared.events.errors import RejectedEventError
from shared.events.tensors import read_tensors
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS, batch_of
from shared.traffic.arrays import Floats
from shared.traffic.health.rules import Doubt
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import DAYS
from tests.kit.networks import along, network_of

MONDAY = datetime(2025, 7, 7, 7, tzinfo=UTC)
SHOWN = LAGS + HORIZONS
SENSORS = 3
WINDOW = timedelta(minutes=5)


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


def record(value: bytes, logged: datetime = MONDAY + timedelta(days=1)) -> ConsumerRecord:
    logged_ms = int(logged.timestamp() * 1000)
    return ConsumerRecord("predictor-state", 0, 3, logged_ms, 0, b"small/health", value, None, 12, len(value), ())


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
    learned = forecasting.recent.days[:, DAYS, 1] > 0
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


@pytest.mark.parametrize("back", [0, 5, 11])
def test_a_window_that_is_corrected_is_judged_anew_and_those_after_it(network: Network, back: int) -> None:
    speeds, forecasting = table(120), Forecasting(network)
    speeds[60:81, 1] = 65.0
    for last in (79, 80):
        forecasting.doubts(step_of(network, speeds, last))
    corrected = speeds.copy()
    corrected[80 - back, 1] = 41.0
    step = step_of(network, corrected, 80)
    np.testing.assert_array_equal(forecasting.doubts(step), Forecasting(network).doubts(step))
    assert (forecasting.doubts(step)[SHOWN - 1 - back :, 1] == Doubt.NONE).any()


def test_health_comes_back_from_the_log_and_goes_on_as_if_nothing_had_been(network: Network) -> None:
    speeds, forecasting, value = table(150), Forecasting(network), None
    for last in range(SHOWN - 1, 100):
        step = step_of(network, speeds, last)
        for message in health_messages(forecasting.health, forecasting.judged(step)):
            value = message.value
        followed(forecasting, step)
    after = Forecasting(network)
    assert value is not None
    kept = record(value)
    assert list(rows_in(kept, {network.network_id: after.recent})) == [], "it is no row of recent speeds"
    ((network_id, windows),) = health_in(kept, {network.network_id: after.health})
    assert network_id == network.network_id
    after.health.learn(windows)
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


def test_what_may_still_come_late_is_not_judged(network: Network) -> None:
    speeds, forecasting = table(120), Forecasting(network)
    step = step_of(network, speeds, 80)
    step.speed_mph[5:], step.revisions[5:] = np.nan, 0
    judged = forecasting.judged(step)
    assert [one.window_start for one in judged] == [step.window_start - (SHOWN - 1 - row) * WINDOW for row in range(5)]


def changed(name: str, values: NDArray[Any]) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    return {}, {name: values}


@pytest.mark.parametrize(
    ("about", "arrays"),
    [
        *(changed(name, np.zeros((SENSORS, SENSORS), np.int8)) for name in ("same", "speed_mph", "doubt")),
        changed("doubt", np.zeros((1, SENSORS), np.float32)),
        changed("same", np.array([-1, 0, 0], np.int32)),
        changed("same", np.zeros(SENSORS)),
        changed("speed_mph", np.array([np.inf, 1, 1])),
        changed("repeats_free", np.array([np.nan, 1, 1], np.float32)),
        ({"sensors": "7"}, {}),
        ({"doubted": "[]"}, {}),
        ({"doubted": "3"}, {}),
        ({"window_start": "2025-07-07T07:00:00"}, {}),
        ({"window_start": "9999-12-31T23:00:00-12:00"}, {}),
    ],
)
def test_health_that_cannot_be_is_refused(
    network: Network, about: dict[str, str], arrays: dict[str, NDArray[Any]]
) -> None:
    speeds, forecasting = table(60), Forecasting(network)
    (message,) = health_messages(forecasting.health, forecasting.judged(step_of(network, speeds, 40)))
    told, kept = read_tensors(message.value or b"")
    courses = {network.network_id: forecasting.health}
    with pytest.raises(RejectedEventError):
        list(health_in(record(save({**kept, **arrays}, {**told, **about})), courses))
    with pytest.raises(RejectedEventError, match="ahead"):
        list(health_in(record(message.value or b"", MONDAY - timedelta(days=1)), courses))
    assert forecasting.health.judged is None
    ((_, windows),) = health_in(record(message.value or b""), courses)
    assert len(windows) == SHOWN - LAGS


def test_of_fields_and_sensors_that_a_record_does_not_have_nothing_is_known(network: Network) -> None:
    speeds, forecasting = table(60), Forecasting(network)
    (message,) = health_messages(forecasting.health, forecasting.judged(step_of(network, speeds, 40)))
    told, kept = read_tensors(message.value or b"")
    fewer = {name: np.ascontiguousarray(values[..., 1:]) for name, values in kept.items() if name != "apart"}
    about = {**told, "sensors": json.dumps(["S1", "S2"])}
    ((_, windows),) = health_in(record(save(fewer, about)), {network.network_id: forecasting.health})
    assert np.isnan(windows[-1].health.speed_mph).tolist() == [True, False, False]
    assert not windows[-1].health.apart.any()
