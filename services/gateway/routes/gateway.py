"""What the routes are given: the parts of a running gateway."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, HTTPException
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from services.gateway.access.keyring import Keyring
from services.gateway.access.tickets import Tickets
from services.gateway.access.turns import Turns
from services.gateway.advisories.writer import AdvisoryWriter
from services.gateway.alerts.actions import ActionWriter
from services.gateway.health_checks import HealthChecks
from services.gateway.live.hub import Hub
from services.gateway.log.follower import Follower
from services.gateway.log.upstream import Upstream
from services.gateway.log.writer import LogWriter
from services.gateway.models.book import ModelBook
from services.gateway.settings import GatewaySettings
from services.gateway.views.ages import DataAges
from services.gateway.views.names import Names
from services.gateway.views.traffic import TrafficView
from services.gateway.written import WrittenRows
from shared.runtime.clock import Clock
from shared.runtime.metrics import GatewayMetrics
from shared.store.port import Store

RETRY_AFTER_S = "2"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of a running gateway, built by `app.py`."""

    settings: GatewaySettings
    view: TrafficView
    ages: DataAges
    follower: Follower
    upstream: Upstream
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
    written: WrittenRows
    tickets: Tickets = field(default_factory=Tickets)
    turns: Turns = field(default_factory=Turns)


async def _running(connection: HTTPConnection) -> Gateway:
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 - narrows what Starlette's state leaves untyped
    return gateway


Running = Annotated[Gateway, Depends(_running)]


def require_view(gateway: Gateway) -> None:
    """Answer 503 unless the view is up to date: else what is written cannot be compared with what is there."""
    if gateway.follower.waiting_for is not None:
        raise unavailable(gateway)


def unavailable(gateway: Gateway) -> HTTPException:
    """The refusal that says what the view waits for, and when to ask again."""
    detail = f"waiting for {gateway.follower.waiting_for}"
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": RETRY_AFTER_S})


async def _require_complete_view(gateway: Running) -> None:
    """Answer 503 until the view was complete once: an empty list would say that there is nothing."""
    if not gateway.ages.complete:
        raise unavailable(gateway)


COMPLETE_VIEW = (Depends(_require_complete_view),)
"""Of routes that answer from the view. While the broker is away later on, they answer from what is known."""
INCOMPLETE_VIEW: dict[int | str, dict[str, Any]] = {
    503: {"description": "The view is not complete yet; `detail` says what it waits for."}
}
