"""The gateway's own settings, from variables `METRLA_GATEWAY_…`."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LEAST_WRITE_TOKEN = 16
"""Characters of a write token that may be used beyond this machine: guessing one must be hopeless."""

Openness = Literal["open", "key", "closed"]


class GatewaySettings(BaseSettings):
    """Where the gateway listens, whom it lets in, how much it keeps and how often it pushes."""

    model_config = SettingsConfigDict(env_prefix="METRLA_GATEWAY_", frozen=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")
    write_token: SecretStr | None = Field(
        default=None,
        description="One shared secret that may read, operate and ingest; 16 characters or more beyond this machine. "
        "API keys are better: they say who, and can be revoked.",
    )
    keys_file: Path | None = Field(
        default=None, description="API keys, as `metrla keys` writes them; read again when they change."
    )
    jwt_issuer: str | None = Field(
        default=None, description="Issuer (`iss`) whose JSON Web Tokens are accepted; with audience and JWKS URL."
    )
    jwt_audience: str | None = Field(default=None, description="Audience (`aud`) that those tokens must name.")
    jwt_jwks_url: str | None = Field(
        default=None, description="Where that issuer publishes its keys (JWKS); https, http on this machine alone."
    )
    jwt_scope_claim: str = Field(
        default="scope", min_length=1, description="Claim with the scopes: read, operate, ingest, admin."
    )
    reads: Literal["open", "key"] = Field(
        default="open", description="Whether everybody may read, or who has a key with the scope read."
    )
    docs: Openness = Field(default="open", description="Who may see /docs and /openapi.json: all, keys, nobody.")
    metrics: Openness = Field(default="open", description="Who may see /metrics: all, keys, nobody.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names that the gateway answers for (`Host`), besides localhost and addresses, comma-separated; "
        "*.example.org for all below, * for all.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of reverse proxies whose X-Forwarded-For and -Proto are believed, "
        "comma-separated.",
    )
    tls_certificate: Path | None = Field(default=None, description="Certificate chain (PEM): the gateway speaks TLS.")
    tls_key: Path | None = Field(default=None, description="Private key of the certificate (PEM).")
    max_connections: int = Field(
        default=2000, ge=10, description="Connections at a time; fewer where the process may open fewer files."
    )
    max_connections_per_address: int = Field(
        default=500, ge=1, description="Connections of one address at a time; a trusted proxy may have all."
    )
    max_header_bytes: int = Field(
        default=32 * 1024, ge=4096, description="Request line and headers of one request, bytes; more is 431."
    )
    header_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Time in which request line and headers must be there, seconds."
    )
    body_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="Time in which the body of a request must be there, seconds."
    )
    requests_per_second: float = Field(
        default=100.0, gt=0, description="Requests a second of one key, or without a key of one address; more is 429."
    )
    request_burst: int = Field(default=1000, ge=1, description="Requests that may come at once before that counts.")
    faults_per_second: float = Field(
        default=10.0,
        gt=0,
        description="Faulty requests a second of one address (wrong credentials, unknown parameters); more are "
        "answered late, with 429.",
    )
    fault_burst: int = Field(default=300, ge=1, description="Faulty requests that may come at once before that counts.")
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
    max_websocket_clients_per_address: int = Field(
        default=250, ge=1, description="WebSocket clients of one address at a time; more are refused with 429."
    )
    websocket_messages_per_second: float = Field(
        default=5.0, gt=0, description="Messages a second that a WebSocket client may send; more close it with 1008."
    )
    websocket_message_burst: int = Field(
        default=50, ge=1, description="Messages that it may send at once before that counts."
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

    @field_validator("cors_origins", "allowed_hosts", "trusted_proxies", mode="before")
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

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if any(odd in host for odd in "/@: ") or ("*" in host and host != "*" and not host.startswith("*.")):
                raise ValueError(f"{host!r} is no name of a host: no scheme, no port; *.example.org for all below")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ip_network(proxy, strict=False)
        return proxies

    @field_validator("jwt_jwks_url")
    @classmethod
    def _keys_url(cls, url: str | None) -> str | None:
        if url is not None:
            parts = urlsplit(url)
            if not parts.hostname or not (
                parts.scheme == "https" or (parts.scheme == "http" and _is_local(parts.hostname))
            ):
                raise ValueError(f"{url!r} is no https:// address")
        return url

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len({self.jwt_issuer is None, self.jwt_audience is None, self.jwt_jwks_url is None}) > 1:
            raise ValueError("METRLA_GATEWAY_JWT_ISSUER, _AUDIENCE and _JWKS_URL come together")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("METRLA_GATEWAY_TLS_CERTIFICATE and _TLS_KEY come together")
        if self.reads == "key" and not self.has_credentials:
            raise ValueError("METRLA_GATEWAY_READS=key needs keys: METRLA_GATEWAY_KEYS_FILE, _JWT_… or _WRITE_TOKEN")
        if self.write_token is not None and not _is_local(self.host):
            given = len(self.write_token.get_secret_value())
            if given < LEAST_WRITE_TOKEN:
                raise ValueError(
                    f"METRLA_GATEWAY_WRITE_TOKEN has {given} characters; beyond this machine "
                    f"(METRLA_GATEWAY_HOST={self.host}) it needs {LEAST_WRITE_TOKEN} or more, or use `metrla keys`"
                )
        return self

    def within(self, connections: int) -> Self:
        """These settings, with no more connections than that, and WebSockets for no more than half of them."""
        most = max(1, min(self.max_connections, connections))
        sockets = max(1, most // 2)
        return self.model_copy(
            update={
                "max_connections": most,
                "max_websocket_clients": min(self.max_websocket_clients, sockets),
                "max_websocket_clients_per_address": min(self.max_websocket_clients_per_address, max(1, sockets // 2)),
            }
        )

    @property
    def has_credentials(self) -> bool:
        """Whether anything can be a credential."""
        return self.write_token is not None or self.keys_file is not None or self.jwt_issuer is not None


def _is_local(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
