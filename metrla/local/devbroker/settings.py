"""The settings of a broker; every value has Kafka's own default unless the comment says why not."""

import ipaddress
from dataclasses import dataclass

from shared.events.errors import ConfigurationError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Limits and defaults of one embedded broker.

    Attributes:
        default_partitions: partitions of a topic that is created without a count.
        auto_create_topics: whether a metadata request creates the topics that it names.
        retention_bytes: default `retention.bytes` per partition; bounded, as the log lives in memory; -1: unlimited.
        retention_ms: default `retention.ms`; -1, unlimited, because `retention_bytes` bounds the memory and replays of
            old data carry old timestamps.
        compacted_bytes: hard limit of one partition of a compacted topic, which `retention.bytes` does not touch.
        max_message_bytes: default `max.message.bytes`, the largest accepted batch.
        max_request_bytes: a larger request closes its connection.
        max_fetch_bytes: the largest answer to one fetch, whatever the client asks for.
        max_commit_metadata_bytes: Kafka's `offset.metadata.max.bytes`.
        initial_rebalance_delay_s: how long the first member of an empty group waits for others (Kafka: 3 s).
        min_session_timeout_s, max_session_timeout_s: the accepted session time-outs (Kafka: 6 s and 30 min).
        offsets_retention_s: after this long without members a group's commits are forgotten.
        producer_expiry_s: after this long without a batch an idempotent producer's sequences are forgotten.
        housekeeping_interval_s: pause between two passes of retention, compaction and expiry.
    """

    default_partitions: int = 1
    auto_create_topics: bool = True
    retention_bytes: int = 64 * MEBIBYTE
    retention_ms: int = -1
    compacted_bytes: int = 256 * MEBIBYTE
    max_message_bytes: int = 1_048_588
    max_request_bytes: int = 100 * MEBIBYTE
    max_fetch_bytes: int = 50 * MEBIBYTE
    max_commit_metadata_bytes: int = 4096
    initial_rebalance_delay_s: float = 0.1
    min_session_timeout_s: float = 0.1
    max_session_timeout_s: float = 1800.0
    offsets_retention_s: float = 7 * 24 * 3600.0
    producer_expiry_s: float = 24 * 3600.0
    housekeeping_interval_s: float = 1.0

    def __post_init__(self) -> None:
        if self.default_partitions < 1:
            raise ConfigurationError(f"default_partitions must be at least 1, not {self.default_partitions}")
        for name in ("compacted_bytes", "max_message_bytes", "max_request_bytes", "max_fetch_bytes"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1 byte, not {getattr(self, name)}")
        if self.housekeeping_interval_s <= 0:
            raise ConfigurationError("housekeeping_interval_s must be positive")


def require_loopback(host: str) -> str:
    """Return `host` if it names this machine only.

    Raises:
        ConfigurationError: any other address: the broker knows neither authentication nor encryption.
    """
    if host == "localhost":
        return host
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigurationError(
            f"the embedded broker listens on loopback only (127.0.0.1), not on {host!r}: it has no authentication "
            "and no encryption. Use a real Kafka to serve other machines."
        )
    return host
