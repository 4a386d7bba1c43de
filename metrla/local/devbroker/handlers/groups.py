"""Everything about consumer groups: joining and leaving, offsets, and ListGroups, DescribeGroups, DeleteGroups."""

from typing import Any

from metrla.local.devbroker.groups.group import Group
from metrla.local.devbroker.groups.membership import GroupState, JoinRequest
from metrla.local.devbroker.groups.offsets import CommittedOffset
from metrla.local.devbroker.handlers.context import NODE_ID, BrokerState, Request, RequestContext, Response
from metrla.local.devbroker.wire.error_codes import ErrorCode

_GROUP_COORDINATOR = 0


async def find_coordinator(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Name this broker, for groups; transactions have no coordinator here."""
    served = request.get("coordinator_type", _GROUP_COORDINATOR) == _GROUP_COORDINATOR
    return {
        "throttle_time_ms": 0,
        "error_code": ErrorCode.NONE if served else ErrorCode.INVALID_REQUEST,
        "error_message": None if served else "the embedded broker has no transactions",
        "coordinator_id": NODE_ID,
        "host": state.host,
        "port": state.port,
    }


async def join_group(state: BrokerState, request: Request, context: RequestContext) -> Response:
    """Answered once the generation has formed."""
    session_timeout_ms: int = request["session_timeout"]
    rebalance_timeout_ms: int = request.get("rebalance_timeout", session_timeout_ms)
    join = JoinRequest(
        member_id=request["member_id"] or "",
        client_id=context.client_id,
        client_host=context.client_host,
        protocol_type=request["protocol_type"] or "",
        protocols=tuple(
            (protocol["protocol_name"], protocol["protocol_metadata"] or b"")
            for protocol in request["group_protocols"] or ()
        ),
        session_timeout_s=session_timeout_ms / 1000,
        rebalance_timeout_s=rebalance_timeout_ms / 1000,
    )
    answer = await state.groups.join(request["group"] or "", join, context.disconnected)
    return {
        "throttle_time_ms": 0,
        "error_code": answer.error,
        "generation_id": answer.generation,
        "group_protocol": answer.protocol,
        "leader_id": answer.leader_id,
        "member_id": answer.member_id,
        "members": [{"member_id": member, "member_metadata": metadata} for member, metadata in answer.members],
    }


async def sync_group(state: BrokerState, request: Request, context: RequestContext) -> Response:
    """Answered once the leader has assigned."""
    assignments = {entry["member_id"]: entry["member_metadata"] or b"" for entry in request["group_assignment"] or ()}
    answer = await state.groups.sync(
        request["group"] or "", request["member_id"] or "", request["generation_id"], assignments, context.disconnected
    )
    return {"throttle_time_ms": 0, "error_code": answer.error, "member_assignment": answer.assignment}


async def heartbeat(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Keep a member alive and tell it of a rebalance."""
    error = state.groups.heartbeat(request["group"] or "", request["member_id"] or "", request["generation_id"])
    return {"throttle_time_ms": 0, "error_code": error}


async def leave_group(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Let a member go without waiting for its session to time out."""
    error = state.groups.leave(request["group"] or "", request["member_id"] or "")
    return {"throttle_time_ms": 0, "error_code": error}


async def offset_commit(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Remember offsets with their metadata."""
    group_id = request["consumer_group"] or ""
    refused = state.groups.may_commit(group_id, request["consumer_id"] or "", request["consumer_group_generation_id"])
    topics = []
    for topic in request["topics"] or ():
        name = topic["topic"]
        partitions = []
        for part in topic["partitions"] or ():
            index, metadata = part["partition"], part["metadata"] or ""
            error = refused
            if error is ErrorCode.NONE and state.topics.partition(name, index) is None:
                error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            elif error is ErrorCode.NONE and len(metadata) > state.settings.max_commit_metadata_bytes:
                error = ErrorCode.OFFSET_METADATA_TOO_LARGE
            if error is ErrorCode.NONE:
                state.groups.offsets.commit(group_id, name, index, CommittedOffset(part["offset"], metadata))
            partitions.append({"partition": index, "error_code": error})
        topics.append({"topic": name, "partitions": partitions})
    return {"throttle_time_ms": 0, "topics": topics}


async def offset_fetch(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Return committed offsets: -1 where there is none; of all partitions if none is named."""
    group_id = request["consumer_group"] or ""
    topics: dict[str, list[dict[str, Any]]] = {}
    if request["topics"] is None:
        wanted = state.groups.offsets.partitions(group_id)
    else:
        wanted = [(topic["topic"], index) for topic in request["topics"] for index in topic["partitions"] or ()]
    for name, index in wanted:
        committed = state.groups.offsets.get(group_id, name, index) or CommittedOffset(-1, "")
        topics.setdefault(name, []).append(
            {
                "partition": index,
                "offset": committed.offset,
                "metadata": committed.metadata,
                "error_code": ErrorCode.NONE,
            }
        )
    return {
        "throttle_time_ms": 0,
        "topics": [{"topic": name, "partitions": partitions} for name, partitions in topics.items()],
        "error_code": ErrorCode.NONE,
    }


async def list_groups(state: BrokerState, _request: Request, _context: RequestContext) -> Response:
    """Name all groups."""
    return {
        "throttle_time_ms": 0,
        "error_code": ErrorCode.NONE,
        "groups": [{"group": group.group_id, "protocol_type": group.protocol_type} for group in state.groups],
    }


async def describe_groups(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Describe groups and their members; one that is not known is Dead, as in Kafka."""
    return {
        "throttle_time_ms": 0,
        "groups": [_describe(name, state.groups.get(name)) for name in request["groups"] or ()],
    }


async def delete_groups(state: BrokerState, request: Request, _context: RequestContext) -> Response:
    """Forget empty groups and their commits."""
    return {
        "throttle_time_ms": 0,
        "results": [
            {"group_id": name, "error_code": state.groups.delete(name)} for name in request["groups_names"] or ()
        ],
    }


def _describe(group_id: str, group: Group | None) -> dict[str, Any]:
    if group is None:
        return {
            "error_code": ErrorCode.NONE,
            "group": group_id,
            "state": "Dead",
            "protocol_type": "",
            "protocol": "",
            "members": [],
        }
    stable = group.state is GroupState.STABLE
    return {
        "error_code": ErrorCode.NONE,
        "group": group_id,
        "state": group.state,
        "protocol_type": group.protocol_type,
        "protocol": group.protocol if stable else "",
        "members": [
            {
                "member_id": member.member_id,
                "client_id": member.request.client_id,
                "client_host": member.request.client_host,
                "member_metadata": member.metadata(group.protocol) if stable else b"",
                "member_assignment": member.assignment if stable else b"",
            }
            for member in group.members.values()
        ],
    }
