"""Values that the gateway's answers are made of: their kinds, and the bounds of numbers.

Like every model of the client they are its own, so that it needs nothing of the platform.
A test holds them equal to the gateway's.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SpeedMph = Annotated[float, Field(ge=0, le=120)]
Share = Annotated[float, Field(ge=0, le=1)]
Latitude = Annotated[float, Field(ge=-90, le=90, description="Degrees north (WGS 84).")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="Degrees east (WGS 84).")]
Minutes = Annotated[int, Field(ge=1, description="How far ahead, minutes.")]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class AlertType(StrEnum):
    """What an alert is about."""

    CONGESTION = "congestion"
    INCIDENT = "incident"
    CONSTRUCTION = "construction"
    WEATHER = "weather"
    EVENT = "event"


class AlertSeverity(StrEnum):
    """How bad it is, in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AlertStatus(StrEnum):
    """Where an alert is in its life."""

    RAISED = "raised"
    UPDATED = "updated"
    CLEARED = "cleared"


class AlertActionKind(StrEnum):
    """What an operator does about an alert: says that it is seen, remarks on it, or ends it."""

    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    CLOSE = "close"


class AdvisoryType(StrEnum):
    """What speeds cannot show and an operator must say."""

    CONSTRUCTION = "construction"
    WEATHER = "weather"
    EVENT = "event"


class AdvisoryState(StrEnum):
    """Where an advisory is in its life."""

    NOW = "now"
    LATER = "later"
    OVER = "over"
    WITHDRAWN = "withdrawn"


class DocumentFormat(StrEnum):
    """The published formats of advisories that the gateway reads."""

    WZDX = "wzdx"
    OPEN511 = "open511"
    CAP = "cap"
    NWS = "nws"
    LCS = "lcs"
    CHP = "chp"
    DATEX2 = "datex2"
    CIFS = "cifs"


class PredictionBasis(StrEnum):
    """What a forecast rests on: own readings, neighbours and usual speeds, other sensors, usual speeds alone."""

    TRAINED = "trained"
    IMPUTED = "imputed"
    TRANSFERRED = "transferred"
    PROFILE = "profile"


class ModelRole(StrEnum):
    """What a version of a model serves as."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    MEMBER = "member"
    REFUSED = "refused"
    RETIRED = "retired"


class Channel(StrEnum):
    """What a client can follow on the WebSocket."""

    PREDICTIONS = "predictions"
    ALERTS = "alerts"
    SENSORS = "sensors"


class DataStage(StrEnum):
    """Where data is on its way, in this order: whoever comes later waits for whoever comes earlier.

    The archive, which takes readings beside all others, is waited for by nobody.
    """

    BROKER = "broker"
    READINGS = "readings"
    WINDOWS = "windows"
    FORECASTS = "forecasts"
    ALERTS = "alerts"
    PUSH = "push"
    ARCHIVE = "archive"


class DataState(StrEnum):
    """Whether data is as new as it should be."""

    WAITING = "waiting"
    FRESH = "fresh"
    STALE = "stale"


class Answer(BaseModel):
    """What every answer has in common: it never changes once it is made."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
