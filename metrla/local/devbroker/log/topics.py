"""The topics of the broker."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metrla.local.devbroker.log.partition import PartitionLog
from metrla.local.devbroker.log.topic_config import TopicConfig
from metrla.local.devbroker.settings import BrokerSettings

_LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MAX_PARTITIONS = 10_000


class InvalidTopicError(ValueError):
    """Not a name that Kafka accepts."""


class TopicExistsError(ValueError):
    """The name is taken."""


class InvalidPartitionsError(ValueError):
    """Not a possible number of partitions."""


@dataclass(slots=True)
class StoredTopic:
    """A name, a configuration and one log per partition."""

    name: str
    config: TopicConfig
    partitions: list[PartitionLog]

    def add_partitions(self, total: int) -> None:
        """Grow to `total` partitions."""
        while len(self.partitions) < total:
            self.partitions.append(
                PartitionLog(segment_bytes=self.config.partition_segment_bytes(), max_bytes=self.config.max_bytes)
            )


class TopicStore:
    """Topics by name."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._topics: dict[str, StoredTopic] = {}

    def __iter__(self) -> Iterator[StoredTopic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> StoredTopic | None:
        """Return the topic of that name."""
        return self._topics.get(name)

    def partition(self, name: str, index: int) -> PartitionLog | None:
        """Return one partition's log, None if topic or partition do not exist."""
        topic = self._topics.get(name)
        return topic.partitions[index] if topic and 0 <= index < len(topic.partitions) else None

    def check(self, name: str, partitions: int, config: Mapping[str, str | None]) -> TopicConfig:
        """Return the configuration that `create` would use.

        Raises:
            InvalidTopicError, TopicExistsError, InvalidPartitionsError, ConfigurationError: see there.
        """
        if not _LEGAL_NAME.fullmatch(name) or name in {".", ".."}:
            raise InvalidTopicError(f"{name!r} is not a topic name: 1 to 249 of letters, digits, '.', '_' and '-'")
        if name in self._topics:
            raise TopicExistsError(f"topic {name!r} already exists")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InvalidPartitionsError(f"{partitions} partitions: expected 1 to {MAX_PARTITIONS}")
        return TopicConfig.parse(config, self._settings)

    def create(self, name: str, partitions: int, config: Mapping[str, str | None]) -> StoredTopic:
        """Create a topic; raises what `check` raises."""
        topic = StoredTopic(name, self.check(name, partitions, config), [])
        topic.add_partitions(partitions)
        self._topics[name] = topic
        return topic

    def delete(self, name: str) -> StoredTopic | None:
        """Remove a topic and return it, None if there is none."""
        return self._topics.pop(name, None)
