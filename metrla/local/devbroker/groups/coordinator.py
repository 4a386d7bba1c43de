"""All groups of the broker: gives the state machines the time, and their answers to whoever waits for them."""

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from metrla.local.devbroker.groups.group import Group
from metrla.local.devbroker.groups.membership import Answer, GroupState, JoinAnswer, JoinRequest, SyncAnswer
from metrla.local.devbroker.groups.offsets import OffsetStore
from metrla.local.devbroker.settings import BrokerSettings
from metrla.local.devbroker.wire.error_codes import ErrorCode

_AnswerT = TypeVar("_AnswerT", JoinAnswer, SyncAnswer)
_Waiting = tuple[str, str, type[Answer]]


class GroupCoordinator:
    """Groups by id, their commits, and one timer for each group that has something due."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.offsets = OffsetStore()
        self._settings = settings
        self._groups: dict[str, Group] = {}
        self._waiting: dict[_Waiting, asyncio.Future[Any]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._groups.values()))

    def get(self, group_id: str) -> Group | None:
        """Return a group that has or had members or commits."""
        return self._groups.get(group_id)

    async def join(self, group_id: str, request: JoinRequest, disconnected: asyncio.Future[None]) -> JoinAnswer:
        """Join, and wait for the generation to form; `disconnected` ends the wait for a client that is gone."""
        if not group_id:
            return JoinAnswer(request.member_id, ErrorCode.INVALID_GROUP_ID)
        if (
            not self._settings.min_session_timeout_s
            <= request.session_timeout_s
            <= self._settings.max_session_timeout_s
        ):
            return JoinAnswer(request.member_id, ErrorCode.INVALID_SESSION_TIMEOUT)
        group = self._group(group_id)
        new_member_id = f"{request.client_id}-{uuid.uuid4()}"
        future = self._wait_for(group, request.member_id or new_member_id, JoinAnswer)
        self._deliver(group, group.join(request, new_member_id, time.monotonic()), unnamed=new_member_id)
        return await self._answer(group, request.member_id or new_member_id, JoinAnswer, future, disconnected)

    async def sync(
        self,
        group_id: str,
        member_id: str,
        generation: int,
        assignments: Mapping[str, bytes],
        disconnected: asyncio.Future[None],
    ) -> SyncAnswer:
        """Hand in the leader's assignments, or wait for them."""
        group = self._groups.get(group_id)
        if group is None:
            return SyncAnswer(member_id, ErrorCode.UNKNOWN_MEMBER_ID)
        future = self._wait_for(group, member_id, SyncAnswer)
        self._deliver(group, group.sync(member_id, generation, assignments, time.monotonic()))
        return await self._answer(group, member_id, SyncAnswer, future, disconnected)

    def heartbeat(self, group_id: str, member_id: str, generation: int) -> ErrorCode:
        """Keep a member alive."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        error = group.heartbeat(member_id, generation, time.monotonic())
        self._schedule(group)
        return error

    def leave(self, group_id: str, member_id: str) -> ErrorCode:
        """Let a member go at once."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        error, answers = group.leave(member_id, time.monotonic())
        self._deliver(group, answers)
        return error

    def may_commit(self, group_id: str, member_id: str, generation: int) -> ErrorCode:
        """Judge a commit; a commit from outside makes the group known."""
        if not group_id:
            return ErrorCode.INVALID_GROUP_ID
        if group_id not in self._groups and (member_id or generation >= 0):
            return ErrorCode.ILLEGAL_GENERATION
        group = self._group(group_id)
        error = group.may_commit(member_id, generation, time.monotonic())
        self._schedule(group)
        return error

    def delete(self, group_id: str) -> ErrorCode:
        """Forget an empty group and its commits."""
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.GROUP_ID_NOT_FOUND
        if group.members:
            return ErrorCode.NON_EMPTY_GROUP
        self._forget(group)
        return ErrorCode.NONE

    def expire(self, now: float) -> None:
        """Forget the empty groups without commits, and those whose commits have outlived their retention."""
        for group in self:
            if group.state is not GroupState.EMPTY:
                continue
            idle_s = now - group.empty_since
            if idle_s >= self._settings.offsets_retention_s or not self.offsets.partitions(group.group_id):
                self._forget(group)

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _group(self, group_id: str) -> Group:
        group = self._groups.get(group_id)
        if group is None:
            group = Group(group_id, initial_delay_s=self._settings.initial_rebalance_delay_s)
            group.empty_since = time.monotonic()
            self._groups[group_id] = group
        return group

    def _forget(self, group: Group) -> None:
        del self._groups[group.group_id]
        self.offsets.forget_group(group.group_id)
        if timer := self._timers.pop(group.group_id, None):
            timer.cancel()

    def _wait_for(self, group: Group, member_id: str, kind: type[_AnswerT]) -> asyncio.Future[_AnswerT]:
        key = (group.group_id, member_id, kind)
        if previous := self._waiting.pop(key, None):
            previous.set_result(kind(member_id, ErrorCode.UNKNOWN_MEMBER_ID))
        future: asyncio.Future[_AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        return future

    async def _answer(
        self,
        group: Group,
        member_id: str,
        kind: type[_AnswerT],
        future: asyncio.Future[_AnswerT],
        disconnected: asyncio.Future[None],
    ) -> _AnswerT:
        try:
            if not future.done():
                either: set[asyncio.Future[Any]] = {future, disconnected}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            key = (group.group_id, member_id, kind)
            if self._waiting.get(key) is future:
                del self._waiting[key]
                self._deliver(group, group.disconnected(member_id, time.monotonic()))
        return future.result() if future.done() else kind(member_id, ErrorCode.UNKNOWN_MEMBER_ID)

    def _deliver(self, group: Group, answers: Sequence[Answer], unnamed: str = "") -> None:
        for answer in answers:
            future = self._waiting.pop((group.group_id, answer.member_id or unnamed, type(answer)), None)
            if future is not None and not future.done():
                future.set_result(answer)
        self._schedule(group)

    def _schedule(self, group: Group) -> None:
        if timer := self._timers.pop(group.group_id, None):
            timer.cancel()
        deadline = group.next_deadline()
        if deadline is not None:
            loop = asyncio.get_running_loop()
            delay = max(0.0, deadline - time.monotonic())
            self._timers[group.group_id] = loop.call_later(delay, self._tick, group)

    def _tick(self, group: Group) -> None:
        self._deliver(group, group.tick(time.monotonic()))
