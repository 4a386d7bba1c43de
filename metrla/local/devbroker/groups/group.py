"""One consumer group as a state machine: it is told the time, and returns the answers that became due.

Kafka's classic group protocol (`GroupMetadata` and `GroupCoordinator` of Kafka 2 and 3)::

    Empty ──join──► PreparingRebalance ──all joined, or time is up──► CompletingRebalance ──leader syncs──► Stable
      ▲                    ▲                                              │                                   │
      └── nobody left ─────┴────────── join, leave, death ────────────────┴───────────────────────────────────┘

A new group waits `initial_delay_s` for more members; an existing one for its members, up to the longest of their
rebalance time-outs; then those who have not joined are out.
"""

from collections.abc import Mapping

from metrla.local.devbroker.groups.membership import (
    Answer,
    GroupState,
    JoinAnswer,
    JoinRequest,
    Membership,
    SyncAnswer,
    common_protocols,
    elect_protocol,
)
from metrla.local.devbroker.wire.error_codes import ErrorCode


class Group:
    """Members and generation of one group; every time is seconds of one monotonic clock."""

    def __init__(self, group_id: str, *, initial_delay_s: float) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self.leader_id = ""
        self.members: dict[str, Membership] = {}
        self.empty_since = 0.0
        self._initial_delay_s = initial_delay_s
        self._earliest_completion = 0.0
        self._rebalance_deadline: float | None = None

    def join(self, request: JoinRequest, new_member_id: str, now: float) -> list[Answer]:
        """Handle JoinGroup; `new_member_id` is for a member that has none. Without an answer to it, one comes later."""
        known = self.members.get(request.member_id)
        if request.member_id and known is None:
            return [JoinAnswer(request.member_id, ErrorCode.UNKNOWN_MEMBER_ID)]
        if not self._fits(request):
            return [JoinAnswer(request.member_id, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)]
        if known is not None:
            known.last_seen = now
            unchanged = known.request.protocols == request.protocols
            known.request = request
            completing = self.state is GroupState.COMPLETING_REBALANCE
            follower = self.state is GroupState.STABLE and known.member_id != self.leader_id
            if unchanged and (completing or follower):
                return [self._join_answer(known)]
        else:
            known = self.members[new_member_id] = Membership(new_member_id, request, now)
            self.protocol_type = request.protocol_type
        known.awaiting_join = True
        answers = self._prepare_rebalance(now)
        return answers + self._complete_if_all_joined(now)

    def sync(self, member_id: str, generation: int, assignments: Mapping[str, bytes], now: float) -> list[Answer]:
        """Handle SyncGroup; `assignments` come from the leader. Without an answer to it, one comes later."""
        error = self._check(member_id, generation)
        if error is ErrorCode.NONE and self.state is GroupState.PREPARING_REBALANCE:
            error = ErrorCode.REBALANCE_IN_PROGRESS
        if error is not ErrorCode.NONE:
            return [SyncAnswer(member_id, error)]
        member = self.members[member_id]
        member.last_seen = now
        if self.state is GroupState.STABLE:
            return [SyncAnswer(member_id, assignment=member.assignment)]
        member.awaiting_sync = True
        if member_id != self.leader_id:
            return []
        self.state = GroupState.STABLE
        self._rebalance_deadline = None
        for other in self.members.values():
            other.assignment = assignments.get(other.member_id, b"")
        waiting = [other for other in self.members.values() if other.awaiting_sync]
        for other in waiting:
            other.awaiting_sync = False
            other.last_seen = now
        return [SyncAnswer(other.member_id, assignment=other.assignment) for other in waiting]

    def heartbeat(self, member_id: str, generation: int, now: float) -> ErrorCode:
        """Handle Heartbeat."""
        error = self._check(member_id, generation)
        if error is ErrorCode.NONE:
            self.members[member_id].last_seen = now
            if self.state is GroupState.PREPARING_REBALANCE:
                return ErrorCode.REBALANCE_IN_PROGRESS
        return error

    def may_commit(self, member_id: str, generation: int, now: float) -> ErrorCode:
        """Judge an OffsetCommit: by a member of this generation, or from outside while the group is empty."""
        if generation < 0 and not member_id and not self.members:
            return ErrorCode.NONE
        error = self._check(member_id, generation)
        if error is ErrorCode.NONE:
            self.members[member_id].last_seen = now
            if self.state is GroupState.COMPLETING_REBALANCE:
                return ErrorCode.REBALANCE_IN_PROGRESS
        return error

    def leave(self, member_id: str, now: float) -> tuple[ErrorCode, list[Answer]]:
        """Handle LeaveGroup."""
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID, []
        return ErrorCode.NONE, self._remove([member_id], now)

    def disconnected(self, member_id: str, now: float) -> list[Answer]:
        """The connection on which a member waited for an answer is gone.

        A member that never learnt its id cannot come back and goes at once; any other has its session time-out.
        """
        member = self.members.get(member_id)
        if member is None:
            return []
        if not member.knows_its_id:
            return self._remove([member_id], now)
        member.awaiting_join = member.awaiting_sync = False
        member.last_seen = now
        return []

    def tick(self, now: float) -> list[Answer]:
        """Do what has become due by `now`."""
        answers: list[Answer] = []
        dead = [m.member_id for m in self.members.values() if m.deadline is not None and m.deadline <= now]
        if dead:
            answers += self._remove(dead, now)
        if self._rebalance_deadline is not None and self._rebalance_deadline <= now:
            if self.state is GroupState.PREPARING_REBALANCE:
                answers += self._complete_join(now)
            elif self.state is GroupState.COMPLETING_REBALANCE:
                late = [m.member_id for m in self.members.values() if not m.awaiting_sync]
                answers += self._remove(late, now)
        return answers + self._complete_if_all_joined(now)

    def next_deadline(self) -> float | None:
        """Return when `tick` has something to do, None for never."""
        due = [m.deadline for m in self.members.values() if m.deadline is not None]
        if self._rebalance_deadline is not None:
            due.append(self._rebalance_deadline)
        if self.state is GroupState.PREPARING_REBALANCE and self._all_joined():
            due.append(self._earliest_completion)
        return min(due, default=None)

    def _check(self, member_id: str, generation: int) -> ErrorCode:
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID
        return ErrorCode.NONE if generation == self.generation else ErrorCode.ILLEGAL_GENERATION

    def _fits(self, request: JoinRequest) -> bool:
        if not request.protocols or not request.protocol_type:
            return False
        others = [member for member in self.members.values() if member.member_id != request.member_id]
        if not others:
            return True
        names = {name for name, _ in request.protocols}
        return request.protocol_type == self.protocol_type and bool(names & common_protocols(others))

    def _prepare_rebalance(self, now: float) -> list[Answer]:
        if self.state is GroupState.PREPARING_REBALANCE:
            return []
        interrupted = [m for m in self.members.values() if m.awaiting_sync]
        for member in interrupted:
            member.awaiting_sync = False
            member.last_seen = now
        self._earliest_completion = now + self._initial_delay_s if self.state is GroupState.EMPTY else now
        self.state = GroupState.PREPARING_REBALANCE
        self._rebalance_deadline = max(self._earliest_completion, now + self._longest_rebalance_timeout())
        return [SyncAnswer(member.member_id, ErrorCode.REBALANCE_IN_PROGRESS) for member in interrupted]

    def _all_joined(self) -> bool:
        return all(member.awaiting_join for member in self.members.values())

    def _complete_if_all_joined(self, now: float) -> list[Answer]:
        if self.state is GroupState.PREPARING_REBALANCE and now >= self._earliest_completion and self._all_joined():
            return self._complete_join(now)
        return []

    def _complete_join(self, now: float) -> list[Answer]:
        self.members = {key: member for key, member in self.members.items() if member.awaiting_join}
        self.generation += 1
        if not self.members:
            self.state = GroupState.EMPTY
            self.protocol = self.leader_id = ""
            self.empty_since = now
            self._rebalance_deadline = None
            return []
        self.state = GroupState.COMPLETING_REBALANCE
        self.protocol = elect_protocol(self.members.values())
        if self.leader_id not in self.members:
            self.leader_id = next(iter(self.members))
        self._rebalance_deadline = now + self._longest_rebalance_timeout()
        answers: list[Answer] = []
        for member in self.members.values():
            member.awaiting_join = False
            member.knows_its_id = True
            member.last_seen = now
            member.assignment = b""
            answers.append(self._join_answer(member))
        return answers

    def _join_answer(self, member: Membership) -> JoinAnswer:
        members: tuple[tuple[str, bytes], ...] = ()
        if member.member_id == self.leader_id:
            members = tuple((m.member_id, m.metadata(self.protocol)) for m in self.members.values())
        return JoinAnswer(member.member_id, ErrorCode.NONE, self.generation, self.protocol, self.leader_id, members)

    def _remove(self, member_ids: list[str], now: float) -> list[Answer]:
        answers: list[Answer] = []
        for member_id in member_ids:
            member = self.members.pop(member_id)
            if member.awaiting_join:
                answers.append(JoinAnswer(member_id, ErrorCode.UNKNOWN_MEMBER_ID))
            if member.awaiting_sync:
                answers.append(SyncAnswer(member_id, ErrorCode.UNKNOWN_MEMBER_ID))
        answers += self._prepare_rebalance(now)
        return answers + self._complete_if_all_joined(now)

    def _longest_rebalance_timeout(self) -> float:
        return max((member.request.rebalance_timeout_s for member in self.members.values()), default=0.0)
