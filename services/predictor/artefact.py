"""A trained model as two files: `model.safetensors` (its tensors) and `card.json` (what it is). No pickle. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from services.predictor.calibration import Floats
from services.predictor.models.forecaster import Forecaster
from services.predictor.models.historical_average import NAME as HISTORICAL_AVERAGE
from services.predictor.models.historical_average import HistoricalAverage
from services.predictor.models.linear_regression import NAME as LINEAR_REGRESSION
from services.predictor.models.linear_regression import LinearRegression
from shared.events.errors import ModelError
from shared.networks.network import Network

MODELS: Mapping[str, Callable[[Network, str, Mapping[str, Floats]], Forecaster]] = {
    LINEAR_REGRESSION: LinearRegression.of_tensors,
    HISTORICAL_AVERAGE: HistoricalAverage.of_tensors,
}
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Artefact:
    """Both files, as bytes."""

    model: bytes
    card: bytes


def pack(model_name: str, version: str, network: Network, tensors: Mapping[str, Floats], about: Any) -> Artefact:  # noqa: ANN401 - any JSON
    """Make the files of one trained model; `about` (JSON) tells how it was trained and how well it does."""
    model = save({name: np.ascontiguousarray(values, dtype=np.float32) for name, values in tensors.items()})
    card = {
        "format": FORMAT,
        "network_id": network.network_id,
        "model_name": model_name,
        "version": version,
        "window_seconds": network.window.total_seconds(),
        "sha256": sha256(model).hexdigest(),
        **about,
        "sensors": [sensor.sensor_id for sensor in network.sensors],
    }
    return Artefact(model, json.dumps(card, indent=1).encode())


def unpack(artefact: Artefact, model_name: str, version: str, network: Network) -> Forecaster:
    """The model of an artefact, ready to serve `network`; raises `ModelError` saying why it cannot."""
    what = f"model {model_name} {version}"
    try:
        card = json.loads(artefact.card)
        expected = (FORMAT, network.network_id, model_name, network.window.total_seconds())
        found = (card["format"], card["network_id"], card["model_name"], card["window_seconds"])
        if found != expected:
            raise ModelError(f"{what}: made for {found}, not for {expected}")
        if sha256(artefact.model).hexdigest() != card["sha256"]:
            raise ModelError(f"{what}: damaged, its checksum is not the one on its card")
        if card["sensors"] != [sensor.sensor_id for sensor in network.sensors]:
            raise ModelError(f"{what}: made for other sensors, or in another order, than network {network.network_id}")
        tensors = {name: values.astype(np.float64) for name, values in load(artefact.model).items()}
        return MODELS[model_name](network, version, tensors)
    except KeyError as missing:
        raise ModelError(f"{what}: {missing} is missing") from missing
    except (ValueError, TypeError, SafetensorError) as damaged:
        raise ModelError(f"{what}: {damaged}") from damaged
