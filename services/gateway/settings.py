"""The gateway's own settings, from variables `METRLA_GATEWAY_…`."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Where the gateway listens, whom it lets in, how much it keeps and how often it pushes."""

    model_config = SettingsConfigDict(env_prefix="METRLA_GATEWAY_", frozen=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")
    write_token: SecretStr | None = Field(
        default=None,
        description="Token that writes need (advisories, actions on alerts); without one they are refused.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("http://localhost:3000", "http://127.0.0.1:3000"),
        description="Origins whose pages may call the API and open the WebSocket, comma-separated; * for all.",
    )
    history_minutes: int = Field(
        default=120, ge=5, le=1440, description="Event time that predictions and windows are kept in memory, minutes."
    )
    max_predictions: int = Field(
        default=60_000,
        ge=1000,
        description="Predictions kept in memory; beyond, the oldest that were only compared go first.",
    )
    max_alerts: int = Field(
        default=2000, ge=200, description="Alerts kept in memory; the ones cleared longest ago go first."
    )
    push_interval_s: float = Field(
        default=5.0, gt=0, le=300, description="Least time between two WebSocket updates, seconds."
    )
    heartbeat_interval_s: float = Field(
        default=3.0, gt=0, le=60, description="Time between two heartbeats to every WebSocket client, seconds."
    )
    stale_after_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Age in wall time, seconds, below which no data is stale; above, two windows of the network count.",
    )
    alert_detector_group: str = Field(
        default="metrla-alert-detector",
        min_length=1,
        description="Consumer group of the alert detector: how far it has come says how old the alerts are.",
    )
    slow_client_timeout_s: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Time in which a WebSocket client must take one message, seconds, before it is closed with 1013.",
    )
    max_websocket_clients: int = Field(
        default=1000, ge=1, description="WebSocket clients at a time; more are refused with 1013."
    )
    websocket_ping_interval_s: float = Field(
        default=20.0, gt=0, description="Time between WebSocket pings, seconds; unanswered for as long means dead."
    )
    health_timeout_s: float = Field(
        default=2.0, gt=0, le=30, description="Time in which each part must answer a health check, seconds."
    )
    history_timeout_s: float = Field(
        default=10.0, gt=0, le=120, description="Time in which the store must answer a history request, seconds."
    )
    drain_timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="Time that requests in hand may take once the gateway stops, seconds."
    )

    zones: Path | None = Field(
        default=None, description="GeoJSON file of the zones that weather alerts name without drawing them."
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if origin != "*" and (not parts.scheme or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}"):
                raise ValueError(f"{origin!r} is no origin: scheme://host[:port], nothing behind")
        return origins
