"""The settings that every process shares, from variables `METRLA_…`, checked before any connection."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.events.errors import ConfigurationError

ARCHIVE_SCHEMES = ("file", "webhdfs", "swebhdfs")
STORE_SCHEMES = ("sqlite", "postgresql", "hbase")


class PlatformSettings(BaseSettings):
    """Where log, archive, store and networks are, and how a process talks about itself."""

    model_config = SettingsConfigDict(env_prefix="METRLA_", frozen=True, env_ignore_empty=True)

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka brokers to start from, host:port, comma-separated."
    )
    archive_url: str = Field(
        default_factory=lambda: Path(".metrla/archive").absolute().as_uri(),
        description="Archive of raw events and models: file:///folder or webhdfs://namenode:9870/folder?user=name; "
        "several name nodes with commas.",
    )
    store_url: str = Field(
        default_factory=lambda: f"sqlite:///{Path('.metrla/store.sqlite').absolute()}",
        description="Store of aggregates, predictions and alerts: sqlite:///file, postgresql://user@host/database, hbase://host.",
    )
    networks: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="Sensor network folders, comma-separated; none: the example network of metrla."
    )
    schema_registry_url: str | None = Field(
        default=None, description="Confluent schema registry; set, its wire format is read as well."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    log_format: Literal["console", "json"] = Field(default="console", description="Form of log lines.")
    log_file: Path | None = Field(default=None, description="File that log lines are appended to as JSON as well.")
    metrics_host: str = Field(default="127.0.0.1", description="Address that /metrics, /live and /ready listen on.")
    stop_with_parent: bool = Field(
        default=False, description="Stop when the process that started this one is gone: no orphans of a demo."
    )
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of /metrics, /live and /ready; 0 picks one.")

    @field_validator("networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("archive_url")
    @classmethod
    def _known_archive(cls, url: str) -> str:
        return _known_scheme(url, ARCHIVE_SCHEMES)

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        return _known_scheme(url, STORE_SCHEMES)


Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(kind: type[Settings]) -> Settings:
    """Read and check settings; raises `ConfigurationError` with one line that names each wrong variable."""
    try:
        return kind()
    except ValidationError as invalid:
        prefix = kind.model_config.get("env_prefix", "")
        raise ConfigurationError("; ".join(_fault(prefix, one) for one in invalid.errors())) from invalid


def _fault(prefix: str, fault: ErrorDetails) -> str:
    """What is wrong with one variable, under its name; what is about several names them itself."""
    said = fault["msg"].removeprefix("Value error, ")
    return f"{prefix}{'_'.join(map(str, fault['loc'])).upper()}: {said}" if fault["loc"] else said


def _known_scheme(url: str, schemes: tuple[str, ...]) -> str:
    if urlsplit(url).scheme not in schemes:
        raise ValueError(f"{url!r} is not one of {', '.join(f'{scheme}://' for scheme in schemes)}")
    return url
