"""The card of a trained model: what `card.json` says of it, every entry by its name and in its type. Pure.

There is one writer, `write_card`, and one reader, `ModelCard`; both take the types of the entries from here. What a
model cannot be opened without (identity, files, sensors) is strict. The rest informs people, and is read with patience:
cards of other releases lack entries or have others, and an odd entry costs that entry alone. Entries that nobody here
knows stay in `content`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.events.errors import ModelError
from shared.events.records import SensorId
from shared.events.text import one_line
from shared.traffic.network import Network

FORMAT = 2
FOR_THE_PREDICTOR = frozenset({"sensors", "inputs"})
"""Entries that are long and that nobody but the predictor needs."""

ServingWeights: TypeAlias = Literal["protocol", "refit"]
"""Fitted to the first part of a recording, as the results on the card are; or, the same once more, to all of it."""
PROTOCOL: ServingWeights = "protocol"
REFIT: ServingWeights = "refit"
Parsed = TypeVar("Parsed")
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]
Minutes: TypeAlias = int | float
"""Ahead of the origin: whole ones, unless a network's windows end within a minute."""
_ByMinutes: TypeAlias = dict[Minutes, _Share | None]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class OfflineErrors(_Entry):
    """Errors of one horizon as in the literature: over all sensors, labels of 0 left out; mph, `mape` in %."""

    mae: _Finite | None = None
    rmse: _Finite | None = None
    mape: _Finite | None = None


class TrainingData(_Entry):
    """What a model was trained on."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(description="What the speeds are.")
    start: datetime = Field(alias="from", description="Start of the first window.")
    end: datetime = Field(alias="to", description="End of the last window.")
    windows: int = Field(description="Windows in between.")
    sha256: str = Field(description="Fingerprint of the speeds and their times.")
    network_sha256: str = Field(description="Fingerprint of the sensors and the road graph.")


class DividedData(TrainingData):
    """The same with the numbers of origins of its parts: train, validation, test."""

    origins: dict[str, int]


class TrainingInputs(_Entry):
    """What the training history was like, see `scoring.drift`: shares by type of day and hour."""

    speed_bin_mph: int
    speed_share: list[list[float]]
    missing_share: list[float]


class OfflineCalibration(_Entry):
    """How the certainty of a model held on a part of the recording that its calibration did not see, by minutes."""

    part: str = "test"
    coverage_90: _ByMinutes = {}
    coverage_90_offline: _ByMinutes = {}
    coverage_90_by_regime: dict[str, _ByMinutes] = {}
    coverage_90_by_announced_regime: dict[str, _ByMinutes] = {}
    width_mph: dict[Minutes, _Finite | None] = {}
    confidence: _ByMinutes = {}
    ece: _Share | None = None
    ece_by_horizon: _ByMinutes = {}


Results = dict[str, dict[Minutes, OfflineErrors]]
"""Errors by part of the recording (validation, test) and minutes ahead."""


class _Written(_Entry):
    def entries(self) -> dict[str, Any]:
        """Those that were given, as they stand on the card: JSON, in the order of the fields."""
        given = self.model_dump(by_alias=True, exclude_unset=True)
        return _OBJECT.validate_json(json.dumps(given, default=datetime.isoformat))


class FitOrigin(_Written):
    """What a fit depends on beside the model and its settings."""

    seed: int = Field(description="Of everything random.")
    budget_minutes: float | None = Field(description="For all models; None: no limit.")
    training_data: DividedData
    inputs: TrainingInputs
    software: dict[str, str] = Field(description="Versions of the libraries.")


class FitOutcome(_Written):
    """What came of a fit."""

    what: str = Field(description="The model in a sentence.")
    created_at: datetime = Field(description="Wall time.")
    duration_seconds: float
    importance: dict[str, float]
    results: Results
    calibration: OfflineCalibration
    serves: ServingWeights = Field(
        default=PROTOCOL, description="What serves: what was judged, or a refit of it to all data."
    )
    days: float = Field(default=0.0, description="Of history that the weights that serve were fitted to.")
    judged_version: str = Field(default="", description="Of a refit: the version with the weights that were judged.")


_RESULTS: TypeAdapter[Results] = TypeAdapter(Results)
_TRAINING: TypeAdapter[TrainingData] = TypeAdapter(TrainingData)
_INPUTS: TypeAdapter[TrainingInputs] = TypeAdapter(TrainingInputs)
_CALIBRATION: TypeAdapter[OfflineCalibration] = TypeAdapter(OfflineCalibration)
_IMPORTANCE: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, _Finite])
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_TEXT: TypeAdapter[str] = TypeAdapter(str)
_TIME: TypeAdapter[datetime] = TypeAdapter(datetime)
_MEMBERS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a card says of a model beyond its identity: the settings of its fit and, once it was tested, all of it."""

    settings: Mapping[str, Any]
    origin: FitOrigin | None = None
    outcome: FitOutcome | None = None

    def entries(self) -> dict[str, Any]:
        """As they stand on the card."""
        written = [part.entries() for part in (self.origin, self.outcome) if part is not None]
        return {"settings": dict(self.settings)} | {name: value for part in written for name, value in part.items()}


def write_card(
    network: Network,
    model_name: str,
    version: str,
    files: Mapping[str, bytes],
    report: TrainingReport,
    members: Mapping[str, str],
) -> bytes:
    """`card.json` of a model that was made for `network` and consists of these files; `members` of an ensemble."""
    described = {
        name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in files.items()
    }
    card = {
        "format": FORMAT,
        "network_id": network.network_id,
        "model_name": model_name,
        "version": version,
        "window_seconds": network.window.total_seconds(),
        "files": described,
        "members": dict(members),
        **report.entries(),
        "sensors": [sensor.sensor_id for sensor in network.sensors],
    }
    return json.dumps(card, indent=1).encode()


@dataclass(frozen=True)
class ModelCard:
    """What is known of one version of a model. `content` is the JSON as it stands."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls, data: bytes) -> "ModelCard":
        """From `card.json`; raises `ModelError` where it is no JSON object."""
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as damaged:
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
                raise ModelError(f"{one_line(file)} is missing")
            if not isinstance(about, Mapping) or "sha256" not in about:
                raise ModelError(f"the sha256 of {one_line(file)} is missing on the card")
            if sha256(files[file]).hexdigest() != about["sha256"]:
                raise ModelError(f"{one_line(file)} is damaged, its checksum is not the one on the card")
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

    @property
    def seen_until(self) -> datetime | None:
        """Of a refit: the end of its training data, of which it has seen all, its test part included."""
        data = self.training_data
        return data.end if data is not None and self.content.get("serves") == REFIT else None

    @cached_property
    def judged_version(self) -> str | None:
        """Of a refit: the version with the weights that were judged, where the card says so."""
        return _read(_TEXT, self.content.get("judged_version")) or None

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
    def inputs(self) -> TrainingInputs | None:
        """What the training history was like, where the card says so."""
        return _read(_INPUTS, self.content.get("inputs"))

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
