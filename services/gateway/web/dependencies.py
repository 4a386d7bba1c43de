"""What the routes are given: the parts of a running gateway."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from services.gateway.advisories.reception import AdvisoryReception
from services.gateway.follower import Follower
from services.gateway.health import HealthChecks
from services.gateway.hub import Hub
from services.gateway.models.book import ModelBook
from services.gateway.settings import GatewaySettings
from services.gateway.views.traffic import TrafficView
from shared.runtime.clock import Clock
from shared.runtime.metrics import GatewayMetrics
from shared.store.port import Store


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a running gateway, built by `app.py`."""

    settings: GatewaySettings
    view: TrafficView
    follower: Follower
    hub: Hub
    store: Store
    models: ModelBook
    advisories: AdvisoryReception
    health: HealthChecks
    registry: CollectorRegistry
    metrics: GatewayMetrics
    clock: Clock
    version: str


def _running(connection: HTTPConnection) -> Gateway:
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 - narrows what Starlette's state leaves untyped
    return gateway


Running = Annotated[Gateway, Depends(_running)]
