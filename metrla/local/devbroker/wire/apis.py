"""The requests that the embedded broker serves, in the versions before the flexible encoding.

Version ranges are contiguous, as the protocol demands.
"""

from enum import IntEnum
from typing import NamedTuple

from aiokafka.protocol import admin, commit, coordination, fetch, group, metadata, offset, produce, transaction
from aiokafka.protocol.types import Schema


class ApiKey(IntEnum):
    """Numbers from https://kafka.apache.org/protocol#protocol_api_keys."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    DESCRIBE_CONFIGS = 32
    CREATE_PARTITIONS = 37
    DELETE_GROUPS = 42


class Exchange(NamedTuple):
    """The schemas of one version of one API."""

    request: Schema
    response: Schema


_MODULES = {
    ApiKey.PRODUCE: (produce, "Produce", range(3, 8)),
    ApiKey.FETCH: (fetch, "Fetch", range(4, 5)),
    ApiKey.LIST_OFFSETS: (offset, "Offset", range(1, 4)),
    ApiKey.METADATA: (metadata, "Metadata", range(6)),
    ApiKey.OFFSET_COMMIT: (commit, "OffsetCommit", range(2, 4)),
    ApiKey.OFFSET_FETCH: (commit, "OffsetFetch", range(1, 4)),
    ApiKey.FIND_COORDINATOR: (coordination, "FindCoordinator", range(2)),
    ApiKey.JOIN_GROUP: (group, "JoinGroup", range(3)),
    ApiKey.HEARTBEAT: (group, "Heartbeat", range(2)),
    ApiKey.LEAVE_GROUP: (group, "LeaveGroup", range(2)),
    ApiKey.SYNC_GROUP: (group, "SyncGroup", range(2)),
    ApiKey.DESCRIBE_GROUPS: (admin, "DescribeGroups", range(3)),
    ApiKey.LIST_GROUPS: (admin, "ListGroups", range(3)),
    ApiKey.API_VERSIONS: (admin, "ApiVersion", range(3)),
    ApiKey.CREATE_TOPICS: (admin, "CreateTopics", range(4)),
    ApiKey.DELETE_TOPICS: (admin, "DeleteTopics", range(4)),
    ApiKey.DELETE_RECORDS: (admin, "DeleteRecords", range(2)),
    ApiKey.INIT_PRODUCER_ID: (transaction, "InitProducerId", range(1)),
    ApiKey.DESCRIBE_CONFIGS: (admin, "DescribeConfigs", range(3)),
    ApiKey.CREATE_PARTITIONS: (admin, "CreatePartitions", range(2)),
    ApiKey.DELETE_GROUPS: (admin, "DeleteGroups", range(2)),
}

EXCHANGES: dict[ApiKey, dict[int, Exchange]] = {
    key: {
        version: Exchange(
            getattr(module, f"{name}Request_v{version}").SCHEMA,
            getattr(module, f"{name}Response_v{version}").SCHEMA,
        )
        for version in versions
    }
    for key, (module, name, versions) in _MODULES.items()
}


def version_ranges() -> list[dict[str, int]]:
    """Return what `ApiVersions` answers: the lowest and highest version of every API."""
    return [
        {"api_key": key, "min_version": min(versions), "max_version": max(versions)}
        for key, versions in sorted(EXCHANGES.items())
    ]
