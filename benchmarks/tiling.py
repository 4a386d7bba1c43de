"""The network and the models that come with metrla, laid side by side until there are as many sensors as asked for.

Every copy has its own sensors and the edges among them, every sensor its own rows in every model, so that each model
has as much to do for each sensor as on the roads that it was trained for.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from shared.archive.layout import CARD_FILE, MODEL_FILE, ONNX_FILE
from shared.events.records import NetworkId, SensorId
from shared.forecasting.models.artefact import Artefact, pack
from shared.forecasting.models.card import FitOrigin, FitOutcome, TrainingReport
from shared.forecasting.models.forecaster import NEURAL_NETWORK, PREFERRED
from shared.forecasting.models.neural_network import EDGE_LOGS, EDGES
from shared.forecasting.registry.loading import open_model
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Edge, Network, Sensor

MILES_APART = 0.5


def models_of(folder: Path) -> Mapping[str, Artefact]:
    """The newest version of each model below `<folder>/<model>/<version>/`, the preferred ones first."""
    found = {}
    for name in PREFERRED:
        versions = sorted((folder / name).glob(f"*/{CARD_FILE}"))
        if versions:
            files = {file.name: file.read_bytes() for file in versions[-1].parent.iterdir() if file.name != CARD_FILE}
            found[name] = Artefact(files, versions[-1].read_bytes())
    return found


def network_of(models: Mapping[str, Artefact], count: int) -> Network:
    """So many sensors; the edges are those that the neural network was trained with."""
    card = json.loads(next(iter(models.values())).card)
    known: list[str] = card["sensors"]
    names = [SensorId(known[row] if not copy else f"{known[row]}-{copy}") for copy, row in _places(len(known), count)]
    sensors = tuple(
        Sensor(name, name, f"I-{number // len(known)}", "N", number % len(known) * MILES_APART, 34.0, -118.0)
        for number, name in enumerate(names)
    )
    edges = tuple(Edge(names[begin], names[end], 1.0) for begin, end in _pairs(models, len(known), count).tolist())
    return Network(NetworkId(card["network_id"]), "Benchmark", ZoneInfo("America/Los_Angeles"), sensors, edges)


def serving(models: Mapping[str, Artefact], network: Network) -> Serving:
    """The models, ready for that network, in their order."""
    ranked = []
    for name, artefact in models.items():
        card = json.loads(artefact.card)
        tiled = _tiled(models, artefact, card, network)
        ranked.append(open_model(tiled, name, card["version"], network))
    return Serving(tuple(ranked), {one.key: one for one in ranked})


def _tiled(models: Mapping[str, Artefact], artefact: Artefact, card: Mapping[str, Any], network: Network) -> Artefact:
    known, count = len(card["sensors"]), len(network.sensors)
    tensors = load(artefact.files[MODEL_FILE])
    for name, values in tensors.items():
        tensors[name] = _wide(values, known, count)
    if EDGES in tensors:
        tensors[EDGES] = _pairs(models, known, count)
        for name in tensors:
            if name.endswith(EDGE_LOGS):
                tensors[name] = np.resize(tensors[name], len(tensors[EDGES]))
    report = TrainingReport(card["settings"], FitOrigin.model_validate(card), FitOutcome.model_validate(card))
    onnx, members = artefact.files.get(ONNX_FILE), card["members"]
    return pack(card["model_name"], card["version"], network, tensors, report, onnx=onnx, members=members)


def _wide(values: NDArray[Any], known: int, count: int) -> NDArray[Any]:
    """An axis of all sensors as often as needed; one row more is of a sensor that the training did not have."""
    rows = np.arange(count) % known
    for axis, length in enumerate(values.shape):
        if length == known:
            return np.take(values, rows, axis=axis)
        if length == known + 1:
            return np.take(values, np.append(rows, known), axis=axis)
    return values


def _pairs(models: Mapping[str, Artefact], known: int, count: int) -> NDArray[np.int32]:
    if NEURAL_NETWORK not in models:
        return np.empty((0, 2), dtype=np.int32)
    trained = load(models[NEURAL_NETWORK].files[MODEL_FILE])[EDGES]
    copies = np.arange(-(-count // known))[:, None, None] * known
    pairs = (trained[None] + copies).reshape(-1, 2)
    return pairs[(pairs < count).all(axis=1)].astype(np.int32)


def _places(known: int, count: int) -> Iterator[tuple[int, int]]:
    return (divmod(number, known) for number in range(count))
