"""Metadata, CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords and DescribeConfigs."""

from typing import Any

from metrla.local.devbroker.handlers.context import CLUSTER_ID, NODE_ID, BrokerState, Request, RequestContext, Response
from metrla.local.devbroker.log.partition import OffsetOutOfRangeError
from metrla.local.devbroker.log.topic_config import TopicConfig
from metrla.local.devbroker.log.topics import (
    MAX_PARTITIONS,
    InvalidPartitionsError,
    InvalidTopicError,
    TopicExistsError,
)
from metrla.local.devbroker.wire.error_codes import ErrorCode
from shared.events.errors import ConfigurationError

_TOPIC_RESOURCE = 2
_TOPIC_CONFIG_SOURCE = 1
_DEFAULT_CONFIG_SOURCE = 5
_USE_DEFAULT = -1
_REFUSALS: dict[type[Exception], ErrorCode] = {
    InvalidTopicError: ErrorCode.INVALID_TOPIC_EXCEPTION,
    TopicExistsError: ErrorCode.TOPIC_ALREADY_EXISTS,
    InvalidPartitionsError: ErrorCode.INVALID_PARTITIONS,
    ConfigurationError: ErrorCode.INVALID_CONFIG,
}


async def metadata(state: BrokerState, request: Request, context: RequestContext) -> Response:
    """Describe this broker and the topics that were asked for, creating those that do not exist if that is allowed."""
    names = request["topics"]
    if names is None or (not names and context.api_version == 0):
        names = sorted(topic.name for topic in state.topics)
    create = state.settings.auto_create_topics and request.get("allow_auto_topic_creation", True)
    return {
        "throttle_time_ms": 0,
        "brokers": [{"node_id": NODE_ID, "host": state.host, "port": state.port, "rack": None}],
        "cluster_id": CLUSTER_ID,
        "controller_id": NODE_ID,
        "topics": [_describe_topic(state, name, create=create) for name in names],
    }


async def create_topics(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Create topics with their configuration, or only check the request."""
    errors = []
    for wanted in request["create_topic_requests"] or ():
        error, message = _create_topic(state, wanted, validate_only=request.get("validate_only", False))
        errors.append({"topic": wanted["topic"], "error_code": error, "error_message": message})
    return {"throttle_time_ms": 0, "topic_errors": errors}


async def delete_topics(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Delete topics with all their records and the offsets committed on them."""
    errors = []
    for name in request["topics"] or ():
        known = state.topics.delete(name) is not None
        if known:
            state.groups.offsets.forget_topic(name)
        error = ErrorCode.NONE if known else ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        errors.append({"topic": name, "error_code": error})
    return {"throttle_time_ms": 0, "topic_error_codes": errors}


async def create_partitions(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Add partitions to topics."""
    errors = []
    for wanted in request["topic_partitions"] or ():
        total = wanted["new_partitions"]["count"]
        topic = state.topics.get(wanted["topic"])
        error, message = ErrorCode.NONE, None
        if topic is None:
            error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        elif not len(topic.partitions) < total <= MAX_PARTITIONS:
            error = ErrorCode.INVALID_PARTITIONS
            message = f"the topic has {len(topic.partitions)} partitions, {total} were asked for"
        elif not request["validate_only"]:
            topic.add_partitions(total)
        errors.append({"topic": wanted["topic"], "error_code": error, "error_message": message})
    return {"throttle_time_ms": 0, "topic_errors": errors}


async def delete_records(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Move the start of partitions; offset -1 stands for their end."""
    topics = []
    for topic in request["topics"] or ():
        partitions = []
        for part in topic["partitions"] or ():
            log = state.topics.partition(topic["name"], part["partition_index"])
            error, low_watermark = ErrorCode.NONE, -1
            if log is None:
                error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            else:
                try:
                    log.delete_before(log.end_offset if part["offset"] == -1 else part["offset"])
                    low_watermark = log.start_offset
                except OffsetOutOfRangeError:
                    error = ErrorCode.OFFSET_OUT_OF_RANGE
            partitions.append(
                {"partition_index": part["partition_index"], "low_watermark": low_watermark, "error_code": error}
            )
        topics.append({"name": topic["name"], "partitions": partitions})
    return {"throttle_time_ms": 0, "topics": topics}


async def describe_configs(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Return the configuration of topics; the broker itself has none to show."""
    resources = []
    for resource in request["resources"] or ():
        kind, name = resource["resource_type"], resource["resource_name"]
        topic = state.topics.get(name) if kind == _TOPIC_RESOURCE else None
        missing = kind == _TOPIC_RESOURCE and topic is None
        resources.append(
            {
                "error_code": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION if missing else ErrorCode.NONE,
                "error_message": f"there is no topic {name!r}" if missing else None,
                "resource_type": kind,
                "resource_name": name,
                "config_entries": _config_entries(topic.config, resource["config_names"]) if topic else [],
            }
        )
    return {"throttle_time_ms": 0, "resources": resources}


def _describe_topic(state: BrokerState, name: str, *, create: bool) -> dict[str, Any]:
    topic, error = state.topics.get(name), ErrorCode.NONE
    if topic is None:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if create:
            try:
                topic, error = state.topics.create(name, state.settings.default_partitions, {}), ErrorCode.NONE
            except InvalidTopicError:
                error = ErrorCode.INVALID_TOPIC_EXCEPTION
    return {
        "error_code": error,
        "topic": name,
        "is_internal": False,
        "partitions": [
            {
                "error_code": ErrorCode.NONE,
                "partition": index,
                "leader": NODE_ID,
                "replicas": [NODE_ID],
                "isr": [NODE_ID],
                "offline_replicas": [],
            }
            for index in range(len(topic.partitions) if topic else 0)
        ],
    }


def _create_topic(state: BrokerState, wanted: Request, *, validate_only: bool) -> tuple[ErrorCode, str | None]:
    partitions = wanted["num_partitions"]
    if wanted["replica_assignment"]:
        partitions = len(wanted["replica_assignment"])
        if any(entry["replicas"] != [NODE_ID] for entry in wanted["replica_assignment"]):
            return ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"the only replica can be broker {NODE_ID}"
    elif wanted["replication_factor"] not in {_USE_DEFAULT, 1}:
        return ErrorCode.INVALID_REPLICATION_FACTOR, "there is one broker: the replication factor is 1"
    if partitions == _USE_DEFAULT:
        partitions = state.settings.default_partitions
    config = {entry["config_key"]: entry["config_value"] for entry in wanted["configs"] or ()}
    act = state.topics.check if validate_only else state.topics.create
    try:
        act(wanted["topic"], partitions, config)
    except tuple(_REFUSALS) as error:
        return _REFUSALS[type(error)], str(error)
    return ErrorCode.NONE, None


def _config_entries(config: TopicConfig, names: list[str] | None) -> list[dict[str, Any]]:
    return [
        {
            "config_names": name,
            "config_value": value,
            "read_only": False,
            "is_default": name not in config.given,
            "config_source": _TOPIC_CONFIG_SOURCE if name in config.given else _DEFAULT_CONFIG_SOURCE,
            "is_sensitive": False,
            "config_synonyms": [],
        }
        for name, value in sorted(config.describe().items())
        if not names or name in names
    ]
