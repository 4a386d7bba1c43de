"""`/health`, `/live`, `/ready` and `/metrics`."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, HTTPException
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.gateway.health_checks import data_health
from services.gateway.responses import DataAge
from services.gateway.routes.gateway import Gateway, Running, unavailable
from services.gateway.routes.guarded import EVERYBODY, METRICS, GuardedRoute
from services.gateway.views.ages import DataState

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class ServiceWords(BaseModel):
    """Every part that the gateway depends on: 'healthy', or 'unhealthy: ' and the reason."""

    database: str = Field(description="The store answers and takes rows, as far as it says that itself.")
    kafka: str = Field(description="The brokers.")
    ml_models: str = Field(description="Predictions keep up with the traffic; without traffic: trained models exist.")
    hdfs: str = Field(description="The archive answers, in whatever form it is configured.")
    data: str = Field(
        description="The data of every network is as new as it should be; else since when it is stale, and which stage."
    )


class Health(BaseModel):
    """Health of the gateway and its parts."""

    status: Literal["healthy", "degraded"] = Field(description="degraded if any part is unhealthy.")
    timestamp: datetime = Field(description="Time of the check (wall clock, UTC).")
    version: str
    services: ServiceWords
    details: dict[str, str] = Field(description="Description of each part that answers.")
    data_ages: list[DataAge] = Field(description="How old the data of each network is.")


class Probe(BaseModel):
    """The answer to an orchestrator."""

    status: str
    note: str | None = Field(default=None, description="What an operator should know although it is ready.")


@router.get("/health", summary="Health of the gateway and its parts")
async def health(gateway: Running) -> Health:
    """Check every part, concurrently and with a time limit. The status is 200 even if a part does not answer."""
    parts = dict(await gateway.health.report())
    ages = gateway.ages.all()
    parts["data"] = data_health(ages, complete=gateway.ages.complete)
    return Health(
        status="healthy" if all(part.fault is None for part in parts.values()) else "degraded",
        timestamp=gateway.clock(),
        version=gateway.version,
        services=ServiceWords(**{name: part.word for name, part in parts.items()}),
        details={name: part.detail for name, part in parts.items() if part.detail},
        data_ages=list(map(DataAge.of, ages)),
    )


@router.get(
    "/live", dependencies=[EVERYBODY], summary="Whether the process is running", response_model_exclude_none=True
)
async def live() -> Probe:
    """Answer as long as the process runs."""
    return Probe(status="live")


@router.get(
    "/ready",
    dependencies=[EVERYBODY],
    summary="Whether the view is complete",
    response_model_exclude_none=True,
    responses={
        503: {"description": "It has not caught up with the topics, or the broker is unavailable; `detail` says which."}
    },
)
async def ready(gateway: Running) -> Probe:
    """Answer 503 until the view was rebuilt from the topics, and while it cannot be kept up to date."""
    if gateway.hub.closing:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "stopping")
    if gateway.follower.waiting_for is not None:
        raise unavailable(gateway)
    return Probe(status="ready", note=gateway.follower.quarantine.told)


@router.get("/metrics", summary="Metrics in Prometheus' text format", response_class=Response, dependencies=[METRICS])
async def metrics(gateway: Running) -> Response:
    """Give the metrics of this process."""
    _measure_ages(gateway)
    return Response(generate_latest(gateway.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _measure_ages(gateway: Gateway) -> None:
    for network in gateway.ages.all():
        for age in network.ages:
            labels = (network.network_id, age.stage.value)
            gateway.metrics.data_age.labels(*labels).set(float("nan") if age.age_s is None else age.age_s)
            gateway.metrics.data_stale.labels(*labels).set(age.state is DataState.STALE)
            if age.behind_windows is not None:
                gateway.metrics.windows_behind.labels(network.network_id).set(age.behind_windows)
