"""What a model card says, read with patience: cards of other releases lack parts or have others. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Parsed = TypeVar("Parsed")
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Errors(_Part):
    """Errors of one horizon, as the literature measures them: over all sensors, labels of 0 left out."""

    mae: _Finite | None = None
    rmse: _Finite | None = None
    mape: _Finite | None = None


class TrainingData(_Part):
    """What a model was trained on."""

    source: str = Field(description="What the speeds are.")
    start: datetime = Field(alias="from", description="Start of the first window.")
    end: datetime = Field(alias="to", description="End of the last window.")
    windows: int = Field(description="Windows in between.")
    sha256: str = Field(description="Fingerprint of the speeds and their times.")
    network_sha256: str = Field(description="Fingerprint of the sensors and the road graph.")


class Calibration(_Part):
    """How the certainty of a model held on a part of the recording that its calibration did not see, by minutes."""

    part: str = "test"
    ece: _Share | None = None
    coverage_90: dict[int, _Share | None] = {}
    width_mph: dict[int, _Finite | None] = {}
    confidence: dict[int, _Share | None] = {}
    ece_by_horizon: dict[int, _Share | None] = {}


_Results = dict[str, dict[int, Errors]]
_RESULTS: TypeAdapter[_Results] = TypeAdapter(_Results)
_TRAINING: TypeAdapter[TrainingData] = TypeAdapter(TrainingData)
_CALIBRATION: TypeAdapter[Calibration] = TypeAdapter(Calibration)
_IMPORTANCE: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, _Finite])
_TEXT: TypeAdapter[str] = TypeAdapter(str)
_TIME: TypeAdapter[datetime] = TypeAdapter(datetime)
_MEMBERS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def results(card: Mapping[str, Any]) -> _Results:
    """Errors by part of the recording (validation, test) and minutes ahead."""
    return _read(_RESULTS, card.get("results")) or {}


def training_data(card: Mapping[str, Any]) -> TrainingData | None:
    """What it was trained on, where the card says so."""
    return _read(_TRAINING, card.get("training_data"))


def calibration(card: Mapping[str, Any]) -> Calibration | None:
    """How its certainty held, where the card says so."""
    return _read(_CALIBRATION, card.get("calibration"))


def importance(card: Mapping[str, Any]) -> dict[str, float]:
    """Share of each feature, or group of features, in the whole; the greatest first."""
    shares = _read(_IMPORTANCE, card.get("importance")) or {}
    return dict(sorted(shares.items(), key=lambda each: -each[1]))


def what(card: Mapping[str, Any]) -> str | None:
    """The model in a sentence."""
    return _read(_TEXT, card.get("what"))


def created_at(card: Mapping[str, Any]) -> datetime | None:
    """When it was trained (wall time)."""
    return _read(_TIME, card.get("created_at"))


def members(card: Mapping[str, Any]) -> dict[str, str]:
    """Of an ensemble: versions by model."""
    return _read(_MEMBERS, card.get("members")) or {}


def _read(kind: TypeAdapter[Parsed], part: object) -> Parsed | None:
    try:
        return kind.validate_python(part)
    except ValidationError:
        return None
