from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.avro import encode
from shared.events.quantities import MAX_SPEED_MPH, MIN_SPEED_MPH
from shared.events.text import (
    MAX_ID_CHARACTERS,
    MAX_NETWORK_ID_BYTES,
    composed,
    fault_of,
    percent_encoded_bytes,
)
from shared.forecasting.calibration.spread import Bounds
from shared.forecasting.forecasting import BASES, ModelForecast
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.forecasting.predictions import records_of
from shared.forecasting.stencil import MARK, PredictionMessages
from shared.traffic.arrays import Floats
from shared.traffic.steps import Step
from tests.kit.networks import along, network_of

MOST = 5
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=90).map(composed)
ID = PRINTABLE.filter(lambda text: fault_of(text, MAX_ID_CHARACTERS, is_id=True) is None)
IDS = st.lists(ID, min_size=1, max_size=MOST, unique=True)
SPEEDS = st.floats(0, 120) | st.sampled_from([0.0, -0.0, MARK])
CHANCES = st.floats(0, 1) | st.sampled_from([0.0, 1.0, MARK])
ENDS = st.floats(-40, 200) | SPEEDS
"""Ends of intervals: a band around a forecast reaches beyond the speeds that there can be."""


def fits_a_folder(text: str) -> bool:
    return percent_encoded_bytes(text) <= MAX_NETWORK_ID_BYTES


@st.composite
def made(draw: st.DrawFn) -> tuple[Step, list[ModelForecast]]:
    """A step of any sensors and what up to three models say of some of them."""
    ids = draw(IDS)
    network = network_of(*along("I-405 N", ids), network_id=draw(ID.filter(fits_a_folder)))
    shape = (1, len(ids), HORIZONS)

    def numbers(count: int, of: st.SearchStrategy[float]) -> Floats:
        few = draw(st.lists(of, min_size=3, max_size=3))
        return np.resize(few, count)

    speed_mph = numbers(LAGS * len(ids), SPEEDS | st.just(float("nan"))).reshape(LAGS, -1)
    start = datetime(2026, 3, 2, 8, tzinfo=UTC) + timedelta(minutes=5 * draw(st.integers(0, 10**6)))
    revisions = np.full((LAGS, len(ids)), draw(st.integers(0, 10**6)))
    nothing = np.full(speed_mph.shape, np.nan)
    step = Step(network, start, speed_mph, nothing, nothing, nothing, revisions, again=False)
    forecasts = []
    for number in range(draw(st.integers(0, 3))):
        predicted = numbers(len(ids) * HORIZONS, SPEEDS).reshape(shape)
        predicted[0, draw(st.lists(st.integers(0, len(ids) - 1)))] = np.nan
        lower, upper = (numbers(len(ids) * HORIZONS, ENDS).reshape(shape) for _ in range(2))
        confidence = numbers(len(ids) * HORIZONS, SPEEDS).reshape(shape)
        basis = np.array(draw(st.lists(st.integers(0, len(BASES) - 1), min_size=len(ids), max_size=len(ids))))[None]
        serving = np.array(draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))))[None]
        chance = numbers(len(ids) * HORIZONS, CHANCES).reshape(shape)
        chance[0, draw(st.lists(st.integers(0, len(ids) - 1)))] = np.nan
        bounds = Bounds(lower, upper, confidence, chance)
        name, version = draw(st.text(min_size=1)), f"{number}"
        forecasts.append(ModelForecast(name, version, predicted, bounds, basis, serving, np.ones((1, HORIZONS))))
    return step, forecasts


@given(made())
@settings(deadline=None)
def test_messages_are_what_the_codec_writes_of_each_record(
    of: tuple[Step, list[ModelForecast]],
) -> None:
    step, forecasts = of
    found = PredictionMessages(step.network).of(step, forecasts)
    expected = [(one.sensor_id.encode(), encode(one)) for one in records_of(step, forecasts)]
    assert sorted(found) == sorted(expected)
    for sensor in step.network.sensors:
        key = sensor.sensor_id.encode()
        assert [each for each in found if each[0] == key] == [each for each in expected if each[0] == key]


@given(made())
@settings(deadline=None)
def test_no_interval_reaches_beyond_the_speeds_that_exist(of: tuple[Step, list[ModelForecast]]) -> None:
    for record in records_of(*of):
        for told in record.horizons:
            ends = (told.lower_speed_mph, told.predicted_speed_mph, told.upper_speed_mph)
            assert MIN_SPEED_MPH <= ends[0] <= ends[1] <= ends[2] <= MAX_SPEED_MPH
