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
from services.gateway.fanout import Channel
from services.gateway.models.answers import ModelDetail, ModelReport
from services.gateway.responses import Aggregate, Alert, NetworkReport, Prediction, SensorReport

__all__ = [
    "Aggregate",
    "Alert",
    "AlertsMessage",
    "Channel",
    "GatewayClient",
    "GatewayError",
    "Message",
    "ModelDetail",
    "ModelReport",
    "NetworkReport",
    "Prediction",
    "PredictionsMessage",
    "SensorReport",
    "SensorsMessage",
]
