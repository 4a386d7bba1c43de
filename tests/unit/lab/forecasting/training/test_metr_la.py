"""Accuracy on real traffic: a part of METR-LA, so that a change that costs accuracy is noticed."""

import numpy as np
import pandas as pd
import pytest

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import train
from shared.events.records import SensorId
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.traffic.network import Edge
from tests.kit.networks import network_of, sensor
from tests.kit.places import METR_LA

WINDOWS = 8 * 7 * 288

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not METR_LA.is_dir(), reason=f"no METR-LA at {METR_LA} (METRLA_DATA)"),
]


def test_two_months_of_one_freeway_are_forecast_better_than_naively() -> None:
    table = pd.read_csv(METR_LA / "sensors.csv", dtype=str)
    chosen = table[table["freeway"].str.startswith("US101")].iloc[:24]
    sensors = tuple(
        sensor(sensor_id, float(place), f"US-101 {freeway[-1]}")
        for place, (sensor_id, freeway) in enumerate(zip(chosen["sensor_id"], chosen["freeway"], strict=True))
    )
    names = {sensor.sensor_id for sensor in sensors}
    links = pd.read_csv(METR_LA / "adjacency.csv", dtype=str)
    edges = tuple(
        Edge(SensorId(one), SensorId(other), float(weight))
        for one, other, weight in links.to_numpy(dtype=str).tolist()
        if {one, other} <= names
    )
    network = network_of(*sensors, network_id="us-101", edges=edges)
    speeds = pd.read_parquet(METR_LA / "speeds.parquet", columns=[sensor.sensor_id for sensor in sensors])
    recorded = speeds.iloc[-WINDOWS:].to_numpy(dtype=np.float64)
    table_mph = np.where(recorded == 0, np.nan, recorded)
    start = speeds.index[-WINDOWS].to_pydatetime().replace(tzinfo=network.time_zone)
    recording = Recording(network, start, table_mph, "METR-LA")
    found = train(recording, Choice((LINEAR_REGRESSION,)), now=start).figures["test"]
    mine, usual, last = (found[name] for name in (LINEAR_REGRESSION, "historical_average", "last_value"))
    for minutes in ("15", "30", "60"):
        assert mine[minutes]["mae"] < 0.92 * min(usual[minutes]["mae"], last[minutes]["mae"])
        assert mine[minutes]["rmse"] < 0.95 * min(usual[minutes]["rmse"], last[minutes]["rmse"])
