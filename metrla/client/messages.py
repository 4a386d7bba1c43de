"""The messages of the WebSocket."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from metrla.client.alerts import Alert
from metrla.client.traffic import Prediction, SensorReport


class PredictionsMessage(BaseModel):
    """Forecasts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["predictions_snapshot", "predictions_update"]
    data: tuple[Prediction, ...]
    timestamp: datetime | None


class AlertsMessage(BaseModel):
    """Alerts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["alerts_snapshot", "alerts_update"]
    data: tuple[Alert, ...]
    timestamp: datetime | None


class SensorsMessage(BaseModel):
    """Sensors: all with a window (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["sensors_snapshot", "sensors_update"]
    data: tuple[SensorReport, ...]
    timestamp: datetime | None


Message = PredictionsMessage | AlertsMessage | SensorsMessage
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
