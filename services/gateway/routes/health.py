"""`/health`, `/live`, `/ready` and `/metrics`."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, HTTPException
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.routes.gateway import Running
from services.gateway.routes.guarded import EVERYBODY, METRICS, GuardedRoute

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class ServiceWords(BaseModel):
    """Every part that the gateway depends on: 'healthy', or 'unhealthy: ' and the reason."""

    database: str = Field(description="The store of aggregates, predictions and alerts.")
    kafka: str = Field(description="The brokers.")
    ml_models: str = Field(description="Predictions keep up with the traffic; without traffic: trained models exist.")
    hdfs: str = Field(description="The archive, in whatever form it is configured.")


class Health(BaseModel):
    """Health of the gateway and its parts."""

    status: Literal["healthy", "degraded"] = Field(description="degraded if any part is unhealthy.")
    timestamp: datetime = Field(description="Time of the check (wall clock, UTC).")
    version: str
    services: ServiceWords
    details: dict[str, str] = Field(description="Description of each part that answers.")


class Probe(BaseModel):
    """The answer to an orchestrator."""

    status: str


@router.get("/health", summary="Health of the gateway and its parts")
async def health(gateway: Running) -> Health:
    """Check every part, concurrently and with a time limit. The status is 200 even if a part does not answer."""
    parts = await gateway.health.report()
    return Health(
        status="healthy" if all(part.fault is None for part in parts.values()) else "degraded",
        timestamp=gateway.clock(),
        version=gateway.version,
        services=ServiceWords(**{name: part.word for name, part in parts.items()}),
        details={name: part.detail for name, part in parts.items() if part.detail},
    )


@router.get("/live", dependencies=[EVERYBODY], summary="Whether the process is running")
async def live() -> Probe:
    """Answer as long as the process runs."""
    return Probe(status="live")


@router.get(
    "/ready",
    dependencies=[EVERYBODY],
    summary="Whether the view is complete",
    responses={
        503: {"description": "It has not caught up with the topics, or the broker is unavailable; `detail` says which."}
    },
)
async def ready(gateway: Running) -> Probe:
    """Answer 503 until the view was rebuilt from the topics, and while it cannot be kept up to date."""
    if gateway.hub.closing:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "stopping")
    if gateway.follower.waiting_for is not None:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"waiting for {gateway.follower.waiting_for}")
    return Probe(status="ready")


@router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response, dependencies=[METRICS])
async def metrics(gateway: Running) -> Response:
    """Give the metrics of this process."""
    return Response(generate_latest(gateway.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
