"""What the routes are given: the parts of a running gateway."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from services.gateway.access.keyring import Keyring
from services.gateway.advisories.writer import AdvisoryWriter
from services.gateway.alerts.actions import ActionWriter
from services.gateway.health_checks import HealthChecks
from services.gateway.live.hub import Hub
from services.gateway.log.follower import Follower
from services.gateway.log.writer import LogWriter
from services.gateway.models.book import ModelBook
from services.gateway.settings import GatewaySettings
from services.gateway.views.names import Names
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
    log_writer: LogWriter
    advisories: AdvisoryWriter
    actions: ActionWriter
    health: HealthChecks
    registry: CollectorRegistry
    metrics: GatewayMetrics
    keyring: Keyring
    names: Names
    clock: Clock
    version: str


def _running(connection: HTTPConnection) -> Gateway:
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 - narrows what Starlette's state leaves untyped
    return gateway


Running = Annotated[Gateway, Depends(_running)]


def require_view(gateway: Gateway) -> None:
    """Answer 503 until the view is complete: before that, what is written cannot be compared with what is there."""
    if gateway.follower.waiting_for is not None:
        detail = f"waiting for {gateway.follower.waiting_for}"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "2"})
