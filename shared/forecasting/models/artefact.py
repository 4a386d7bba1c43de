"""A trained model as files: `model.safetensors` (tensors), maybe `model.onnx`, `card.json` (what it is). Pure.

There is no pickle among them: reading one runs no code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from shared.archive.layout import MODEL_FILE, ONNX_FILE
from shared.events.errors import ModelError
from shared.events.records import SensorId
from shared.forecasting.models.card import FORMAT, ModelCard, TrainingReport, write_card
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.calendar import DAY_TYPES, slots_per_day
from shared.traffic.network import Network
from shared.traffic.usual.transfer import completed, has_profile

PROFILE = "profile_mph"
UNTOLD = TrainingReport({})

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Artefact:
    """The files of one version by name, without the card, and the card."""

    files: Mapping[str, bytes]
    card: bytes


def pack(
    model_name: str,
    version: str,
    network: Network,
    tensors: Tensors,
    report: TrainingReport = UNTOLD,
    *,
    onnx: bytes | None = None,
    members: Mapping[str, str] | None = None,
) -> Artefact:
    """Make the files of one trained model.

    Args:
        model_name: as in `PREFERRED`.
        version: sorts after those of earlier trainings.
        network: whose sensors the tensors are for, in its order.
        tensors: by name, in the types to be stored; `profile_mph` (slots of both day types, sensors) is one of them.
        report: how the model was trained and how well it does.
        onnx: content of `model.onnx`.
        members: of an ensemble: version by model name.
    """
    files = {MODEL_FILE: save({name: np.ascontiguousarray(values) for name, values in tensors.items()})}
    if onnx is not None:
        files[ONNX_FILE] = onnx
    return Artefact(files, write_card(network, model_name, version, files, report, members or {}))


@dataclass(frozen=True, eq=False)
class Opened:
    """An artefact that is whole and of this network: what a model is made from.

    Attributes:
        network: whose sensors it is to serve, which need not be those it was made for.
        model_name: as in `PREFERRED`.
        version: of the training.
        card: what is known of it.
        files: by name, whole.
        tensors: as stored, in the order of `sensors`.
        sensors: those that the artefact was made for.
    """

    network: Network
    model_name: str
    version: str
    card: ModelCard
    files: Mapping[str, bytes]
    tensors: Tensors
    sensors: Sequence[SensorId]
    rows: Integers = field(init=False)
    """Where each of the network's sensors stands in `sensors`, (N,); -1 where it does not."""

    def __post_init__(self) -> None:
        """Find the sensors."""
        place = {sensor: row for row, sensor in enumerate(self.sensors)}
        rows = np.array([place.get(sensor.sensor_id, -1) for sensor in self.network.sensors], dtype=np.intp)
        object.__setattr__(self, "rows", rows)

    def tensor(self, name: str, *shape: int) -> NDArray[Any]:
        """A tensor as stored; raises `ModelError` where it is missing or has another shape than this release needs."""
        if name not in self.tensors:
            raise ModelError(f"{self}: tensor {name} is missing")
        found = self.tensors[name]
        if found.shape != shape:
            raise ModelError(
                f"{self}: {name} is {found.shape}, this release and its {len(self.sensors)} sensors need {shape}"
            )
        return found

    def by_sensor(self, name: str, *shape: int, axis: int = 0) -> Floats:
        """A tensor whose `axis` is the sensors, in the network's order, NaN for those it has not; else as `tensor`."""
        found = self.tensor(name, *shape).astype(np.float64)
        taken = np.take(found, np.maximum(self.rows, 0), axis=axis)
        where = [None] * taken.ndim
        unknown = (self.rows < 0).reshape([-1 if each == axis % taken.ndim else 1 for each in range(len(where))])
        return np.where(unknown, np.nan, taken)

    @cached_property
    def known_profile_mph(self) -> Floats:
        """What was usual for each sensor, (slots of both day types, N), NaN for one without history in the training."""
        return self.by_sensor(PROFILE, DAY_TYPES * slots_per_day(self.network), len(self.sensors), axis=1)

    @cached_property
    def profile_mph(self) -> Floats:
        """The same without NaN: see `shared.traffic.usual.transfer`."""
        return completed(self.network, self.known_profile_mph)

    @property
    def known(self) -> Flags:
        """Which of the network's sensors the training had speeds of: (N,)."""
        return has_profile(self.known_profile_mph)

    @property
    def members(self) -> Mapping[str, str]:
        """Of an ensemble: version by model name."""
        return self.card.members

    def __str__(self) -> str:
        return f"model {self.model_name} {self.version}"


def open_artefact(artefact: Artefact, model_name: str, version: str, network: Network) -> Opened:
    """Check an artefact; raises `ModelError` saying why it cannot serve `network`."""
    what = f"model {model_name} {version}"
    try:
        card = ModelCard.read(artefact.card)
        card.expect(FORMAT, network.network_id, model_name, network.window.total_seconds())
        card.check(artefact.files, needed=MODEL_FILE)
        sensors, tensors = card.sensors, load(artefact.files[MODEL_FILE])
    except ModelError as unfit:
        raise ModelError(f"{what}: {unfit}") from unfit
    except (ValueError, TypeError, SafetensorError) as damaged:
        raise ModelError(f"{what}: {damaged}") from damaged
    return Opened(network, model_name, version, card, artefact.files, tensors, sensors)
