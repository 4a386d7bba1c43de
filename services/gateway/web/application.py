"""The ASGI application: routes, middleware, problems and the OpenAPI document."""

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from services.gateway.routes import (
    advisories,
    alerts,
    health,
    history,
    models,
    predictions,
    root,
    sensors,
    stream,
    tickets,
)
from services.gateway.routes.gateway import Gateway
from services.gateway.routes.guarded import GuardedRoute
from services.gateway.web.admission import Admission
from services.gateway.web.files import WholeFiles
from services.gateway.web.middleware import CrashGuard, ForwardedAddress, HeadAsGet, Observed, SecurityHeaders
from services.gateway.web.openapi import describe
from services.gateway.web.problems import LONGEST_PATH, install_problem_handlers
from services.gateway.web.reference import add_reference

TITLE = "METR-LA Traffic Prediction API"
DASHBOARD = Path(__file__).parent.parent / "dashboard"
PREFLIGHT_CACHED_S = 3600
COMPRESSED_FROM_BYTES = 4096
COMPRESSION_LEVEL = 5


def build_application(gateway: Gateway) -> FastAPI:
    """The application that serves one gateway."""
    application = FastAPI(
        title=TITLE,
        summary="Speeds, forecasts and alerts of freeway sensor networks.",
        description=(
            "Every timestamp of traffic data is event time in UTC; speeds are in miles per hour. "
            "Live updates come from the WebSocket `/ws/predictions`, which `docs/api.md` describes. "
            "Errors are problems as in RFC 9457."
        ),
        version=gateway.version,
        contact={"name": "The metrla developers"},
        license_info={"name": "MIT", "identifier": "MIT"},
        docs_url=None,
        openapi_url=None,
        redoc_url=None,
        openapi_tags=[
            {"name": "traffic", "description": "Measurements, forecasts and alerts."},
            {"name": "models", "description": "The models and their accuracy."},
            {"name": "service", "description": "Health and probes."},
        ],
    )
    application.state.gateway = gateway
    for module in (root, health, predictions, alerts, advisories, sensors, models, history, tickets, stream):
        application.include_router(module.router)
    application.router.route_class = GuardedRoute
    # Before what is mounted, which knows no WebSockets.
    application.add_api_websocket_route("/{path:path}", _no_websocket)
    application.mount("/live-map", WholeFiles(directory=DASHBOARD, html=True), name="live map")
    add_reference(application)
    install_problem_handlers(application)
    _add_middleware(application, gateway)
    describe(application)
    return application


async def _no_websocket(path: str) -> None:
    raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no WebSocket at /{path[:LONGEST_PATH]}.")


def _add_middleware(application: FastAPI, gateway: Gateway) -> None:
    """The last one added is the first that a request passes."""
    application.add_middleware(HeadAsGet)
    application.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM_BYTES, compresslevel=COMPRESSION_LEVEL)
    application.add_middleware(CrashGuard)
    application.add_middleware(Admission, gateway=gateway)
    application.add_middleware(
        CORSMiddleware,
        allow_origins=list(gateway.settings.cors_origins),
        allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
        allow_headers=["*"],
        expose_headers=["Link", "Retry-After"],
        max_age=PREFLIGHT_CACHED_S,
    )
    application.add_middleware(SecurityHeaders)
    application.add_middleware(Observed, metrics=gateway.metrics)
    if gateway.settings.trusted_proxies:
        application.add_middleware(
            ForwardedAddress,
            trusted_hosts=list(gateway.settings.trusted_proxies),
        )
