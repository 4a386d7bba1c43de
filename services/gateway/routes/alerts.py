"""`GET /api/alerts`."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.gateway.responses import Alert
from services.gateway.routes.parameters import NetworkParameter
from services.gateway.views.alerts import AlertQuery
from services.gateway.web.dependencies import Running
from shared.events.records import AlertSeverity, AlertType, NetworkId

router = APIRouter(tags=["traffic"])


@router.get("/api/alerts", summary="Alerts, newest first")
async def alerts(
    gateway: Running,
    limit: Annotated[int, Query(ge=1, le=200, description="Most alerts to answer with.")] = 50,
    severity: Annotated[AlertSeverity | None, Query(description="Only this severity.")] = None,
    alert_type: Annotated[AlertType | None, Query(description="Only this type.")] = None,
    active: Annotated[
        bool | None, Query(description="true: only alerts that stand; false: only cleared ones; absent: both.")
    ] = None,
    network_id: NetworkParameter = None,
) -> list[Alert]:
    """Give alerts with their whole current state, the last raised first."""
    query = AlertQuery(
        limit=limit,
        network_id=None if network_id is None else NetworkId(network_id),
        severity=severity,
        alert_type=alert_type,
        active=active,
    )
    return [Alert.of(alert) for alert in gateway.view.alerts.find(query)]
