"""Typed client of the gateway: REST answers as models, the WebSocket as an iterator that reconnects by itself.

async with GatewayClient("http://127.0.0.1:8000") as gateway:
    for alert in await gateway.alerts(active=True):
        print(alert.message)
    async for message in gateway.stream(channels={Channel.PREDICTIONS, Channel.ALERTS}):
        print(message.type, len(message.data))
"""

from metrla.client.advisories import Advisory, FeatureFault, FeatureRest, NewAdvisory, Receipt
from metrla.client.alerts import Action, Alert, Evidence, Window
from metrla.client.errors import GatewayError
from metrla.client.gateway import GatewayClient
from metrla.client.messages import AlertsMessage, HeartbeatMessage, Message, PredictionsMessage, SensorsMessage
from metrla.client.models import ModelDetail, ModelReport
from metrla.client.traffic import (
    Aggregate,
    DataAge,
    NetworkReport,
    Prediction,
    SensorDoubt,
    SensorReport,
    SensorTimesReport,
    StageAge,
)
from metrla.client.values import (
    AdvisoryState,
    AdvisoryType,
    AlertActionKind,
    AlertSeverity,
    AlertStatus,
    AlertType,
    Channel,
    DataStage,
    DataState,
    DocumentFormat,
    ModelRole,
    PredictionBasis,
)

__all__ = [
    "Action",
    "Advisory",
    "AdvisoryState",
    "AdvisoryType",
    "Aggregate",
    "Alert",
    "AlertActionKind",
    "AlertSeverity",
    "AlertStatus",
    "AlertType",
    "AlertsMessage",
    "Channel",
    "DataAge",
    "DataStage",
    "DataState",
    "DocumentFormat",
    "Evidence",
    "FeatureFault",
    "FeatureRest",
    "GatewayClient",
    "GatewayError",
    "HeartbeatMessage",
    "Message",
    "ModelDetail",
    "ModelReport",
    "ModelRole",
    "NetworkReport",
    "NewAdvisory",
    "Prediction",
    "PredictionBasis",
    "PredictionsMessage",
    "Receipt",
    "SensorDoubt",
    "SensorReport",
    "SensorTimesReport",
    "SensorsMessage",
    "StageAge",
    "Window",
]
