"""The table of topics: the only place where topics are named."""

from dataclasses import dataclass, field

from shared.events.records import (
    AlertAction,
    ProcessedTrafficAggregate,
    Record,
    TrafficAdvisory,
    TrafficAlert,
    TrafficEvent,
    TrafficPrediction,
)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its name, the record on it (`None`: bytes as they came), its key and its log settings."""

    name: str
    record: type[Record] | None
    key: str
    partitions: int
    compacted: bool = False
    config: dict[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """The topic configuration to create it with, in Kafka's own names."""
        return {"cleanup.policy": "compact" if self.compacted else "delete", **self.config}


DAY_MS = 24 * 60 * 60 * 1000
WEEK = {"retention.ms": str(7 * DAY_MS)}
MONTH = {"retention.ms": str(30 * DAY_MS)}

TRAFFIC_EVENTS = Topic(
    "traffic-events",
    TrafficEvent,
    "sensor_id",
    partitions=4,
    # A device whose clock is off stamps its records by it, too: the log's own time is what clocks are judged by.
    config={**WEEK, "message.timestamp.type": "LogAppendTime"},
)
TRAFFIC_EVENTS_DLQ = Topic(
    "traffic-events-dlq",
    None,
    "original key",
    partitions=1,
    # What fitted into its own topic has our headers beside it here.
    config={**MONTH, "max.message.bytes": str(16 * 1024 * 1024)},
)
AGGREGATES = Topic("processed-traffic-aggregates", ProcessedTrafficAggregate, "network_id", partitions=4, config=WEEK)
PREDICTIONS = Topic("traffic-predictions", TrafficPrediction, "sensor_id", partitions=4, config=WEEK)
ALERTS = Topic("traffic-alerts", TrafficAlert, "alert_id", partitions=1, compacted=True)
ALERT_ACTIONS = Topic("traffic-alert-actions", AlertAction, "alert_id", partitions=1, config=MONTH)
ADVISORIES = Topic("traffic-advisories", TrafficAdvisory, "advisory_id", partitions=1, compacted=True)
PREDICTOR_STATE = Topic(
    "predictor-state", None, "network_id/slot of the day type, network_id/health", partitions=1, compacted=True
)
ALERT_DETECTOR_STATE = Topic(
    "alert-detector-state",
    None,
    "network_id/part",
    partitions=1,
    compacted=True,
    config={"max.message.bytes": str(16 * 1024 * 1024)},
)
SENSOR_TIMES = Topic("sensor-times", None, "network_id/partition", partitions=1, compacted=True)
SENSOR_HEALTH = Topic("sensor-health", None, "network_id", partitions=1, compacted=True)

TOPICS = (
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
    AGGREGATES,
    PREDICTIONS,
    ALERTS,
    ALERT_ACTIONS,
    ADVISORIES,
    PREDICTOR_STATE,
    ALERT_DETECTOR_STATE,
    SENSOR_TIMES,
    SENSOR_HEALTH,
)

# Headers. A dead letter carries the first six, and one in several parts the three after them; a reading that came
# without its key is published again with the right key and REKEYED_FROM, and only then enters the windows.
DEAD_LETTER_REASON = "metrla-reason"
DEAD_LETTER_DETAIL = "metrla-detail"
DEAD_LETTER_STAGE = "metrla-stage"
SOURCE_TOPIC = "metrla-source-topic"
SOURCE_PARTITION = "metrla-source-partition"
SOURCE_OFFSET = "metrla-source-offset"
DEAD_LETTER_PART = "metrla-part"
DEAD_LETTER_PART_OF = "metrla-part-of"
DEAD_LETTER_NUMBER = "metrla-part-number"
DEAD_LETTER_SENT = "metrla-letter-sent"
"""On a note beside a dead letter, whose key is the letter's id: that somebody begins to send it, or has sent it."""
DEAD_LETTER_ID = "metrla-letter"
"""On a record that is sent again: the dead letter that it was."""
REKEYED_FROM = "metrla-rekeyed-from"
