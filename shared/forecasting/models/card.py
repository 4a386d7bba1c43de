"""The card of a trained model: what `card.json` says of it, every entry by its name and in its type. Pure.

There is one writer, `artefact.pack` with what `metrla train` gives it, and all readers read here. What a model cannot
be opened without (identity, files, sensors) is strict. The rest informs people, and is read with patience: cards of
other releases lack entries or have others, and an odd entry costs that entry alone. Entries that nobody here knows stay
in `content`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.events.errors import ModelError
from shared.events.records import SensorId

FORMAT = 2
FOR_THE_PREDICTOR = frozenset({"sensors", "inputs"})
"""Entries that are long and that nobody but the predictor needs."""

Parsed = TypeVar("Parsed")
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class OfflineErrors(_Entry):
    """Errors of one horizon as in the literature: over all sensors, labels of 0 left out; mph, `mape` in %."""

    mae: _Finite | None = None
    rmse: _Finite | None = None
    mape: _Finite | None = None


class TrainingData(_Entry):
    """What a model was trained on."""

    source: str = Field(description="What the speeds are.")
    start: datetime = Field(alias="from", description="Start of the first window.")
    end: datetime = Field(alias="to", description="End of the last window.")
    windows: int = Field(description="Windows in between.")
    sha256: str = Field(description="Fingerprint of the speeds and their times.")
    network_sha256: str = Field(description="Fingerprint of the sensors and the road graph.")


class OfflineCalibration(_Entry):
    """How the certainty of a model held on a part of the recording that its calibration did not see, by minutes."""

    part: str = "test"
    ece: _Share | None = None
    coverage_90: dict[int, _Share | None] = {}
    width_mph: dict[int, _Finite | None] = {}
    confidence: dict[int, _Share | None] = {}
    ece_by_horizon: dict[int, _Share | None] = {}


Results = dict[str, dict[int, OfflineErrors]]
"""Errors by part of the recording (validation, test) and minutes ahead."""

_RESULTS: TypeAdapter[Results] = TypeAdapter(Results)
_TRAINING: TypeAdapter[TrainingData] = TypeAdapter(TrainingData)
_CALIBRATION: TypeAdapter[OfflineCalibration] = TypeAdapter(OfflineCalibration)
_IMPORTANCE: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, _Finite])
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_TEXT: TypeAdapter[str] = TypeAdapter(str)
_TIME: TypeAdapter[datetime] = TypeAdapter(datetime)
_MEMBERS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class ModelCard:
    """What is known of one version of a model. `content` is the JSON as it stands."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls, data: bytes) -> "ModelCard":
        """From `card.json`; raises `ModelError` where it is no JSON object."""
        try:
            content = json.loads(data)
        except ValueError as damaged:
            raise ModelError(f"card: {damaged}") from damaged
        if not isinstance(content, dict):
            raise ModelError("card: not a JSON object")
        return cls(content)

    def expect(self, *expected: object) -> None:
        """Raise `ModelError` unless format, network, name of the model and seconds of a window are these."""
        found = tuple(self._needed(name) for name in ("format", "network_id", "model_name", "window_seconds"))
        if found != expected:
            raise ModelError(f"made for {found}, not for {expected}")

    @property
    def sensors(self) -> list[SensorId]:
        """Those that the artefact was made for, in the order of its tensors; raises `ModelError`."""
        found = self._needed("sensors")
        if not isinstance(found, list):
            raise ModelError("sensors are no list on the card")
        return [SensorId(str(sensor)) for sensor in found]

    def check(self, files: Mapping[str, bytes], needed: str | None = None) -> None:
        """Raise `ModelError` where a file is missing or is not the one that the card was written for.

        Args:
            files: contents by name.
            needed: a file that the card must describe.
        """
        described = self._needed("files")
        if not isinstance(described, Mapping):
            raise ModelError("files are no object on the card")
        for file, about in described.items():
            if file not in files:
                raise ModelError(f"{file} is missing")
            if not isinstance(about, Mapping) or "sha256" not in about:
                raise ModelError(f"the sha256 of {file} is missing on the card")
            if sha256(files[file]).hexdigest() != about["sha256"]:
                raise ModelError(f"{file} is damaged, its checksum is not the one on the card")
        if needed is not None and needed not in described:
            raise ModelError(f"{needed} is not on the card")

    @cached_property
    def members(self) -> dict[str, str]:
        """Of an ensemble: version by model name."""
        return _read(_MEMBERS, self.content.get("members")) or {}

    @cached_property
    def what(self) -> str | None:
        """The model in a sentence."""
        return _read(_TEXT, self.content.get("what"))

    @cached_property
    def created_at(self) -> datetime | None:
        """When it was trained (wall time)."""
        return _read(_TIME, self.content.get("created_at"))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every choice that the fit made."""
        return _read(_OBJECT, self.content.get("settings")) or {}

    @cached_property
    def results(self) -> Results:
        """Errors by part of the recording (validation, test) and minutes ahead."""
        return _read(_RESULTS, self.content.get("results")) or {}

    @cached_property
    def training_data(self) -> TrainingData | None:
        """What it was trained on, where the card says so."""
        return _read(_TRAINING, self.content.get("training_data"))

    @cached_property
    def calibration(self) -> OfflineCalibration | None:
        """How its certainty held, where the card says so."""
        return _read(_CALIBRATION, self.content.get("calibration"))

    @cached_property
    def importance(self) -> dict[str, float]:
        """Share of each feature, or group of features, in the whole; the greatest first."""
        shares = _read(_IMPORTANCE, self.content.get("importance")) or {}
        return dict(sorted(shares.items(), key=lambda each: -each[1]))

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What the training data was like, see `scoring.drift`."""
        return _read(_OBJECT, self.content.get("inputs")) or {}

    @property
    def short(self) -> Mapping[str, Any]:
        """The content without the entries that nobody but the predictor needs: what stores keep."""
        return {name: value for name, value in self.content.items() if name not in FOR_THE_PREDICTOR}

    def _needed(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        if name not in self.content:
            raise ModelError(f"{name!r} is missing on the card")
        return self.content[name]


def _read(kind: TypeAdapter[Parsed], part: object) -> Parsed | None:
    try:
        return kind.validate_python(part)
    except ValidationError:
        return None
