"""Topic settings and broker settings, valid and not."""

import pytest

from metrla.local.devbroker.log.topic_config import TopicConfig
from metrla.local.devbroker.log.topics import InvalidPartitionsError, InvalidTopicError, TopicExistsError, TopicStore
from metrla.local.devbroker.settings import BrokerSettings, require_loopback
from shared.events.errors import ConfigurationError

SETTINGS = BrokerSettings(retention_bytes=1_000_000)


def test_defaults_come_from_the_broker() -> None:
    config = TopicConfig.parse({}, SETTINGS)
    assert (config.max_bytes, config.compacted, config.retention_ms) == (1_000_000, False, -1)
    assert config.partition_segment_bytes() == 125_000


def test_a_compacted_topic_is_not_cut_by_retention_bytes() -> None:
    config = TopicConfig.parse({"cleanup.policy": "compact", "retention.bytes": "10"}, SETTINGS)
    assert config.max_bytes == SETTINGS.compacted_bytes
    both = TopicConfig.parse({"cleanup.policy": "compact,delete", "retention.bytes": "10"}, SETTINGS)
    assert (both.max_bytes, both.compacted) == (10, True)


def test_every_setting_is_described_and_ignored_ones_are_kept() -> None:
    config = TopicConfig.parse({"segment.ms": "100", "retention.ms": "5"}, SETTINGS)
    described = config.describe()
    assert (described["segment.ms"], described["retention.ms"]) == ("100", "5")
    assert described["cleanup.policy"] == "delete"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", ""),
        ("cleanup.policy", "compact,burn"),
        ("retention.bytes", "many"),
        ("retention.ms", "-2"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("segment.bytes", "0"),
        ("message.timestamp.type", "BroadcastTime"),
        ("colour", "blue"),
    ],
)
def test_nonsense_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        TopicConfig.parse({name: value}, SETTINGS)


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ü", "x" * 250, "a/b"])
def test_topic_names(name: str) -> None:
    with pytest.raises(InvalidTopicError):
        TopicStore(SETTINGS).create(name, 1, {})


def test_topics_exist_once_and_have_partitions() -> None:
    topics = TopicStore(SETTINGS)
    topic = topics.create("traffic-events", 3, {})
    assert topics.partition("traffic-events", 2) is topic.partitions[2]
    assert topics.partition("traffic-events", 3) is None
    assert topics.partition("traffic-events", -1) is None
    with pytest.raises(TopicExistsError):
        topics.create("traffic-events", 1, {})
    for count in (0, -5, 1_000_000):
        with pytest.raises(InvalidPartitionsError):
            topics.create("other", count, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104 (must be refused)
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_fine(host: str) -> None:
    assert require_loopback(host) == host


@pytest.mark.parametrize("wrong", [{"default_partitions": 0}, {"max_request_bytes": 0}, {"housekeeping_interval_s": 0}])
def test_broker_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        BrokerSettings(**wrong)  # type: ignore[arg-type]  # the wrong value is the point
