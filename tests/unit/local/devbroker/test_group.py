"""The state machine of a consumer group, without sockets and without waiting."""

from metrla.local.devbroker.groups.group import Group
from metrla.local.devbroker.groups.membership import Answer, GroupState, JoinAnswer, JoinRequest, SyncAnswer
from metrla.local.devbroker.wire.error_codes import ErrorCode

DELAY_S, SESSION_S, REBALANCE_S = 0.1, 6.0, 60.0


def request(member_id: str = "", *, metadata: bytes = b"m", protocols: tuple[str, ...] = ("range",)) -> JoinRequest:
    return JoinRequest(
        member_id=member_id,
        client_id="c",
        client_host="h",
        protocol_type="consumer",
        protocols=tuple((name, metadata) for name in protocols),
        session_timeout_s=SESSION_S,
        rebalance_timeout_s=REBALANCE_S,
    )


def joined(answers: list[Answer]) -> dict[str, JoinAnswer]:
    return {answer.member_id: answer for answer in answers if isinstance(answer, JoinAnswer)}


def stable(*members: str) -> Group:
    group = Group("g", initial_delay_s=DELAY_S)
    for member in members:
        assert group.join(request(), member, 0.0) == []
    group.tick(DELAY_S)
    for member in members[1:]:
        assert group.sync(member, 1, {}, DELAY_S) == []
    group.sync(members[0], 1, {member: member.encode() for member in members}, DELAY_S)
    assert group.state is GroupState.STABLE
    return group


def test_a_new_group_waits_for_others_and_the_leader_assigns() -> None:
    group = Group("g", initial_delay_s=DELAY_S)
    assert group.join(request(), "a", 0.0) == []
    assert group.join(request(), "b", 0.05) == []
    assert group.tick(0.09) == []
    assert group.next_deadline() == DELAY_S
    answers = joined(group.tick(DELAY_S))
    assert {answer.generation for answer in answers.values()} == {1}
    assert answers["a"].members == (("a", b"m"), ("b", b"m"))
    assert answers["b"].members == ()
    assert {answer.leader_id for answer in answers.values()} == {"a"}
    assert group.sync("b", 1, {}, 0.2) == []
    assert group.sync("a", 1, {"a": b"0", "b": b"1"}, 0.3) == [
        SyncAnswer("a", assignment=b"0"),
        SyncAnswer("b", assignment=b"1"),
    ]
    assert group.state is GroupState.STABLE
    assert group.sync("b", 1, {}, 0.4) == [SyncAnswer("b", assignment=b"1")]


def test_a_standing_group_waits_for_its_members_and_drops_the_late_ones() -> None:
    group = stable("a", "b")
    assert group.join(request(), "c", 1.0) == []
    assert group.heartbeat("a", 1, 1.1) is ErrorCode.REBALANCE_IN_PROGRESS
    assert group.join(request("a"), "", 1.2) == []
    assert group.state is GroupState.PREPARING_REBALANCE
    for beat in range(2, 61, 3):
        assert group.heartbeat("b", 1, float(beat)) is ErrorCode.REBALANCE_IN_PROGRESS
    answers = joined(group.tick(1.0 + REBALANCE_S))
    assert answers.keys() == {"a", "c"}
    assert answers["a"].generation == 2
    assert group.heartbeat("b", 1, 62.0) is ErrorCode.UNKNOWN_MEMBER_ID


def test_all_rejoined_completes_at_once() -> None:
    group = stable("a", "b")
    group.join(request(), "c", 1.0)
    group.join(request("a"), "", 1.1)
    assert joined(group.join(request("b"), "", 1.2)).keys() == {"a", "b", "c"}


def test_a_silent_member_is_evicted_at_its_session_timeout() -> None:
    group = stable("a", "b")
    for now in (2.0, 4.0, 6.0):
        group.heartbeat("a", 1, now)
    assert group.next_deadline() == DELAY_S + SESSION_S
    group.tick(DELAY_S + SESSION_S)
    assert set(group.members) == {"a"}
    assert group.heartbeat("a", 1, 6.2) is ErrorCode.REBALANCE_IN_PROGRESS
    assert joined(group.join(request("a"), "", 6.3))["a"].generation == 2


def test_a_leader_that_dies_before_it_assigns() -> None:
    group = Group("g", initial_delay_s=0.0)
    group.join(request(), "a", 0.0)
    group.join(request(), "b", 0.0)
    group.join(request("a"), "", 0.0)
    assert group.state is GroupState.COMPLETING_REBALANCE
    assert group.sync("b", group.generation, {}, 0.1) == []
    answers = group.tick(SESSION_S)
    assert SyncAnswer("b", ErrorCode.REBALANCE_IN_PROGRESS) in answers
    answer = joined(group.join(request("b"), "", SESSION_S + 0.1))["b"]
    assert (answer.leader_id, [member for member, _ in answer.members]) == ("b", ["b"])


def test_a_follower_that_syncs_into_a_new_join_is_told() -> None:
    group = stable("a", "b")
    group.join(request(), "c", 1.0)
    assert group.sync("b", 1, {}, 1.1) == [SyncAnswer("b", ErrorCode.REBALANCE_IN_PROGRESS)]


def test_leaving() -> None:
    group = stable("a", "b")
    assert group.leave("b", 1.0) == (ErrorCode.NONE, [])
    assert group.leave("b", 1.0) == (ErrorCode.UNKNOWN_MEMBER_ID, [])
    assert joined(group.join(request("a"), "", 1.1))["a"].generation == 2
    group.leave("a", 1.2)
    assert group.state is GroupState.EMPTY
    assert group.next_deadline() is None


def test_a_stable_follower_that_joins_again_unchanged_does_not_disturb() -> None:
    group = stable("a", "b")
    answer = joined(group.join(request("b"), "", 1.0))["b"]
    assert (answer.generation, group.state) == (1, GroupState.STABLE)
    assert group.join(request("b", metadata=b"other topics"), "", 1.0) == []
    assert group.state is GroupState.PREPARING_REBALANCE


def test_strangers_and_the_past_are_refused() -> None:
    group = stable("a")
    assert joined(group.join(request("ghost"), "", 1.0))["ghost"].error is ErrorCode.UNKNOWN_MEMBER_ID
    assert group.sync("ghost", 1, {}, 1.0) == [SyncAnswer("ghost", ErrorCode.UNKNOWN_MEMBER_ID)]
    assert group.sync("a", 0, {}, 1.0) == [SyncAnswer("a", ErrorCode.ILLEGAL_GENERATION)]
    assert group.heartbeat("a", 0, 1.0) is ErrorCode.ILLEGAL_GENERATION
    assert group.may_commit("a", 0, 1.0) is ErrorCode.ILLEGAL_GENERATION
    assert group.may_commit("", -1, 1.0) is ErrorCode.UNKNOWN_MEMBER_ID
    assert group.may_commit("a", 1, 1.0) is ErrorCode.NONE
    assert Group("g", initial_delay_s=0.0).may_commit("", -1, 1.0) is ErrorCode.NONE


def test_protocols_must_agree_and_the_common_one_wins() -> None:
    group = Group("g", initial_delay_s=DELAY_S)
    group.join(request(protocols=("sticky", "range")), "a", 0.0)
    (refused,) = group.join(request(protocols=("other",)), "b", 0.0)
    assert refused.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    group.join(request(protocols=("range",)), "c", 0.0)
    assert joined(group.tick(DELAY_S))["a"].protocol == "range"


def test_a_joiner_whose_connection_breaks_does_not_hold_up_the_group() -> None:
    group = stable("a")
    group.join(request(), "ghost", 1.0)
    group.disconnected("ghost", 1.1)
    assert set(group.members) == {"a"}
    assert joined(group.join(request("a"), "", 1.2)).keys() == {"a"}
    group.join(request("a", metadata=b"x"), "", 2.0)
    assert group.state is GroupState.COMPLETING_REBALANCE
    group.sync("a", group.generation, {"a": b""}, 2.0)
    assert group.disconnected("a", 2.1) == []
    assert "a" in group.members
