"""All models, small, on a short simulated recording; as a script it trains them and keeps what is finished."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from metrla.data.simulation.simulator import Simulator
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.fitted import Fit
from metrla.lab.forecasting.training.neural_network.fit import fit_neural_network
from metrla.lab.forecasting.training.neural_network.settings import MemberSettings, NeuralNetworkSettings
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.run.catalogue import ORDER, fits
from metrla.lab.forecasting.training.run.work import Work
from metrla.lab.forecasting.training.train import Trained, train
from metrla.lab.forecasting.training.trees.fit_random_forest import RandomForestSettings, fit_random_forest
from metrla.lab.forecasting.training.trees.fit_xgboost import XgboostSettings, fit_xgboost
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import NEURAL_NETWORK, RANDOM_FOREST, XGBOOST
from shared.forecasting.models.perceptron import PerceptronSize
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAYS, SENSORS = 7, 5
SMALL: Mapping[str, Fit] = {
    **fits(ORDER),
    RANDOM_FOREST: partial(
        fit_random_forest, settings=RandomForestSettings(trees=3, rows=3_000, leaf_rows=4_000, leaves=50)
    ),
    XGBOOST: partial(fit_xgboost, settings=XgboostSettings(stages=3, trees=4, rows=3_000, depth=4)),
    NEURAL_NETWORK: partial(
        fit_neural_network,
        settings=NeuralNetworkSettings(
            members=(MemberSettings(PerceptronSize(16, 8, 2, 2, 1)),), epochs=3, least_steps=30, batch=64, warm_up=10
        ),
    ),
}


def recording() -> Recording:
    whole = load_network(EXAMPLE_NETWORK)
    road = next(iter(whole.carriageways.values()))[:SENSORS]
    names = {sensor.sensor_id for sensor in road}
    edges = tuple(edge for edge in whole.edges if {edge.from_sensor, edge.to_sensor} <= names)
    network = replace(whole, sensors=road, edges=edges)
    return Recording(network, START, Simulator(network, 1).speeds(START, DAYS * 288), "simulation")


def train_small(of: Recording, work: Work | None = None) -> Trained:
    return train(of, Choice(ORDER), now=START, work=work, fits=SMALL)


def hashes(artefacts: Mapping[str, Artefact]) -> dict[str, str]:
    """Of every file but the cards, which tell when they were made."""
    return {
        f"{model}/{file}": sha256(content).hexdigest()
        for model, artefact in artefacts.items()
        for file, content in artefact.files.items()
    }


if __name__ == "__main__":
    train_small(recording(), Work(Path(sys.argv[1])))
