"""Typed client of the gateway: REST answers as models, the WebSocket as an iterator that reconnects by itself.

async with GatewayClient("http://127.0.0.1:8000") as gateway:
    for alert in await gateway.alerts(active=True):
        print(alert.message)
    async for message in gateway.stream(channels={Channel.PREDICTIONS, Channel.ALERTS}):
        print(message.type, len(message.data))
"""

from metrla.client.errors import GatewayError
from metrla.client.gateway import GatewayClient
from metrla.client.messages import AlertsMessage, Message, PredictionsMessage, SensorsMessage
from services.gateway.advisories.answers import Advisory, FeatureFault, Receipt
from services.gateway.advisories.single import NewAdvisory
from services.gateway.alerts.answers import Action, Alert, Evidence, Window
from services.gateway.fanout import Channel
from services.gateway.models.answers import ModelDetail, ModelReport
from services.gateway.responses import Aggregate, NetworkReport, Prediction, SensorReport
from shared.events.records import AlertActionKind

__all__ = [
    "Action",
    "Advisory",
    "Aggregate",
    "Alert",
    "AlertActionKind",
    "AlertsMessage",
    "Channel",
    "Evidence",
    "FeatureFault",
    "GatewayClient",
    "GatewayError",
    "Message",
    "ModelDetail",
    "ModelReport",
    "NetworkReport",
    "NewAdvisory",
    "Prediction",
    "PredictionsMessage",
    "Receipt",
    "SensorReport",
    "SensorsMessage",
    "Window",
]
