"""The settings of ingest, from variables `METRLA_INGEST_…`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestSettings(BaseSettings):
    """When windows close, when files are written, how much is held in memory."""

    model_config = SettingsConfigDict(env_prefix="METRLA_INGEST_", frozen=True, env_ignore_empty=True)

    lateness_s: float = Field(
        default=15 * 60.0,
        ge=0,
        description="Seconds of event time after its end that a window takes late readings.",
    )
    out_of_orderness_s: float = Field(
        default=0.0, ge=0, description="Seconds of event time that the watermark stays behind the time of the sensors."
    )
    clock_tolerance_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds that the watermark may be ahead of the time at which a reading was put on the log.",
    )
    idle_timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds without events of a window until it is emitted, though it is open."
    )
    silence_s: float = Field(
        default=24 * 3600.0, gt=0, description="Seconds without events of a network until its windows are final."
    )
    future_tolerance_s: float = Field(
        default=3600.0, ge=0, description="Seconds that a reading may be ahead of the time it was sent."
    )
    json_mapping: Path | None = Field(
        default=None,
        description="TOML file: how a sensor's own JSON becomes an event. Unset, JSON has our names.",
    )
    commit_interval_s: float = Field(
        default=1.0, ge=0, description="Least seconds between two commits of the windows group."
    )
    max_poll_records: int = Field(default=4_000, ge=1, description="Most events handled in one batch.")
    merge_buffer_events: int = Field(
        default=4_000, ge=1, description="Events of one partition that may wait for the other partitions' clocks."
    )
    merge_wait_s: float = Field(
        default=10.0, ge=0, description="Longest that a partition which does not answer holds the others up."
    )
    archive_flush_s: float = Field(default=60.0, gt=0, description="Most seconds until an event is in the archive.")
    archive_flush_events: int = Field(
        default=50_000, ge=1, description="Events of one partition that make it be written to the archive at once."
    )
    archive_flush_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1, description="Bytes of one partition that make it be written at once."
    )
    dead_letter_limit_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of rejected events (0-1) above which ingest is not ready."
    )
    dead_letter_limit_events: int = Field(
        default=10_000, ge=10, description="Number of last events over which that share is taken."
    )
