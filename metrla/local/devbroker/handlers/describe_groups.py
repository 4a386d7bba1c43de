"""ListGroups, DescribeGroups and DeleteGroups."""

from typing import Any

from metrla.local.devbroker.groups.group import Group
from metrla.local.devbroker.groups.membership import GroupState
from metrla.local.devbroker.handlers.context import BrokerState, Request, RequestContext, Response
from metrla.local.devbroker.wire.error_codes import ErrorCode


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
