"""What a group knows of its members and what it answers them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from metrla.local.devbroker.wire.error_codes import ErrorCode


class GroupState(StrEnum):
    """The states of Kafka's classic group protocol, in the words that DescribeGroups answers."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """What a member asks for; time-outs in seconds, protocols as (name, metadata) in order of preference."""

    member_id: str
    client_id: str
    client_host: str
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    session_timeout_s: float
    rebalance_timeout_s: float


@dataclass(slots=True)
class Membership:
    """What is known of one member of a group; `last_seen` in seconds of the group's clock."""

    member_id: str
    request: JoinRequest
    last_seen: float
    assignment: bytes = b""
    awaiting_join: bool = False
    awaiting_sync: bool = False
    knows_its_id: bool = False

    def metadata(self, protocol: str) -> bytes:
        """Return the metadata that the member sent for a protocol."""
        return dict(self.request.protocols).get(protocol, b"")

    @property
    def deadline(self) -> float | None:
        """When the member is taken for dead; None while it waits for an answer of the broker."""
        if self.awaiting_join or self.awaiting_sync:
            return None
        return self.last_seen + self.request.session_timeout_s


class JoinAnswer(NamedTuple):
    """Answer to JoinGroup; `members` (id, metadata) is filled for the leader only."""

    member_id: str
    error: ErrorCode = ErrorCode.NONE
    generation: int = -1
    protocol: str = ""
    leader_id: str = ""
    members: tuple[tuple[str, bytes], ...] = ()


class SyncAnswer(NamedTuple):
    """Answer to SyncGroup."""

    member_id: str
    error: ErrorCode = ErrorCode.NONE
    assignment: bytes = b""


Answer = JoinAnswer | SyncAnswer


def common_protocols(members: Collection[Membership]) -> set[str]:
    """Return the protocols that all members know."""
    names = [{name for name, _ in member.request.protocols} for member in members]
    return set.intersection(*names) if names else set()


def elect_protocol(members: Collection[Membership]) -> str:
    """Return the protocol that most members prefer among those that all of them know."""
    candidates = common_protocols(members)
    votes = Counter(next(name for name, _ in member.request.protocols if name in candidates) for member in members)
    return votes.most_common(1)[0][0]
