"""The configuration of a topic, in Kafka's names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from metrla.local.devbroker.settings import MEBIBYTE, BrokerSettings
from shared.events.errors import ConfigurationError

_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_POLICIES = ("compact", "delete")
CREATE_TIME, LOG_APPEND_TIME = "CreateTime", "LogAppendTime"
# Real settings of Kafka topics that mean nothing to a log in memory: accepted, so that one table of topics fits both.
_IGNORED = frozenset(
    {
        "compression.type",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "index.interval.bytes",
        "max.compaction.lag.ms",
        "message.timestamp.before.max.ms",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """Settings that the broker acts on, and `given`: what the creator of the topic set, word for word.

    `max_ahead_ms` is Kafka's `message.timestamp.after.max.ms`: how far a record's timestamp may lie in the future.
    """

    cleanup_policy: frozenset[str]
    retention_bytes: int
    retention_ms: int
    segment_bytes: int
    max_message_bytes: int
    compacted_bytes: int
    min_cleanable_dirty_ratio: float = 0.5
    delete_retention_ms: int = _DAY_MS
    max_ahead_ms: int = _HOUR_MS
    timestamp_type: str = CREATE_TIME
    given: Mapping[str, str]

    @classmethod
    def parse(cls, given: Mapping[str, str | None], settings: BrokerSettings) -> Self:
        """Read a topic's settings over the broker's defaults.

        Raises:
            ConfigurationError: an unknown name or a value that does not fit.
        """
        texts = {name: value for name, value in given.items() if value is not None}
        unknown = sorted(texts.keys() - _READ.keys() - _IGNORED)
        if unknown:
            raise ConfigurationError(f"unknown topic configuration {', '.join(unknown)}")
        config = cls(
            cleanup_policy=frozenset({"delete"}),
            retention_bytes=settings.retention_bytes,
            retention_ms=settings.retention_ms,
            segment_bytes=MEBIBYTE,
            max_message_bytes=settings.max_message_bytes,
            compacted_bytes=settings.compacted_bytes,
            given=texts,
        )
        for name in texts.keys() & _READ.keys():
            attribute, read = _READ[name]
            try:
                changes: dict[str, Any] = {attribute: read(texts[name])}
                config = replace(config, **changes)
            except ValueError as error:
                raise ConfigurationError(f"invalid value {texts[name]!r} for {name}: {error}") from error
        return config

    @property
    def compacted(self) -> bool:
        """Whether `cleanup.policy` names compact."""
        return "compact" in self.cleanup_policy

    @property
    def max_bytes(self) -> int:
        """Bytes at which a partition loses its oldest segments, -1 for never."""
        return self.retention_bytes if "delete" in self.cleanup_policy else self.compacted_bytes

    def partition_segment_bytes(self) -> int:
        """Segment size that lets retention work in small steps."""
        return min(self.segment_bytes, max(4096, self.max_bytes // 8)) if self.max_bytes >= 0 else self.segment_bytes

    def describe(self) -> dict[str, str]:
        """Return every setting that the broker acts on, and what was given, as text."""
        return {
            "cleanup.policy": ",".join(sorted(self.cleanup_policy)),
            "delete.retention.ms": str(self.delete_retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.after.max.ms": str(self.max_ahead_ms),
            "message.timestamp.type": self.timestamp_type,
            "min.cleanable.dirty.ratio": str(self.min_cleanable_dirty_ratio),
            "retention.bytes": str(self.retention_bytes),
            "retention.ms": str(self.retention_ms),
            "segment.bytes": str(self.segment_bytes),
            **self.given,
        }


def _policy(text: str) -> frozenset[str]:
    policies = frozenset(part.strip() for part in text.split(","))
    if not policies <= frozenset(_POLICIES):
        raise ValueError("expected compact, delete or both")
    return policies


def _at_least(lowest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if value < lowest:
            raise ValueError(f"must be at least {lowest}")
        return value

    return read


def _ratio(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


def _timestamp_type(text: str) -> str:
    if text not in {CREATE_TIME, LOG_APPEND_TIME}:
        raise ValueError(f"{CREATE_TIME} or {LOG_APPEND_TIME}")
    return text


_READ: dict[str, tuple[str, Callable[[str], object]]] = {
    "cleanup.policy": ("cleanup_policy", _policy),
    "retention.bytes": ("retention_bytes", _at_least(-1)),
    "retention.ms": ("retention_ms", _at_least(-1)),
    "segment.bytes": ("segment_bytes", _at_least(14)),
    "max.message.bytes": ("max_message_bytes", _at_least(0)),
    "min.cleanable.dirty.ratio": ("min_cleanable_dirty_ratio", _ratio),
    "message.timestamp.after.max.ms": ("max_ahead_ms", _at_least(0)),
    "message.timestamp.type": ("timestamp_type", _timestamp_type),
    "delete.retention.ms": ("delete_retention_ms", _at_least(0)),
}
