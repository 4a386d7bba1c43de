"""Whatever members do and whenever they die: no partition has two owners in one generation, no one waits for ever."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from metrla.local.devbroker.groups.group import Group
from metrla.local.devbroker.groups.membership import Answer, GroupState, JoinAnswer, JoinRequest
from metrla.local.devbroker.wire.error_codes import ErrorCode

PARTITIONS = 5
SESSION_S, REBALANCE_S = 6.0, 20.0


@dataclass
class Client:
    """A well-behaved consumer as seen from outside."""

    name: str
    member_id: str = ""
    generation: int = -1
    waiting: str = ""
    members: tuple[str, ...] = ()
    owned: frozenset[int] = frozenset()
    wants_to_join: bool = True


class GroupMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.group = Group("g", initial_delay_s=0.1)
        self.now = 0.0
        self.clients: dict[str, Client] = {}
        self.count = 0
        self.owners: dict[tuple[int, int], str] = {}

    def deliver(self, answers: list[Answer]) -> None:
        for answer in answers:
            client = next((c for c in self.clients.values() if c.member_id == answer.member_id), None)
            if client is None:
                continue
            client.waiting = ""
            if answer.error is not ErrorCode.NONE:
                self.failed(client, answer.error)
            elif isinstance(answer, JoinAnswer):
                client.generation, client.wants_to_join = answer.generation, False
                client.members = tuple(member for member, _ in answer.members)
                client.owned = frozenset()
            else:
                client.owned = frozenset(answer.assignment)
                for partition in client.owned:
                    owner = self.owners.setdefault((client.generation, partition), client.member_id)
                    assert owner == client.member_id, "a partition with two owners in one generation"

    def failed(self, client: Client, error: ErrorCode) -> None:
        if error in {ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION}:
            client.member_id = ""
        client.wants_to_join, client.generation = True, -1

    def pick(self, data: st.DataObject, **wanted: object) -> Client | None:
        fitting = [c for c in self.clients.values() if all(getattr(c, key) == value for key, value in wanted.items())]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    @initialize(count=st.integers(1, 4))
    def some_clients(self, count: int) -> None:
        for _ in range(count):
            self.arrive()

    @precondition(lambda self: len(self.clients) < 4)
    @rule()
    def arrive(self) -> None:
        self.count += 1
        self.clients[f"c{self.count}"] = Client(f"c{self.count}")

    @rule(data=st.data())
    def one_goes_on(self, data: st.DataObject) -> None:
        if (client := self.pick(data, waiting="")) is not None:
            self.next_step(client)

    @rule()
    def all_go_on(self) -> None:
        for client in list(self.clients.values()):
            if not client.waiting:
                self.next_step(client)

    @precondition(lambda self: self.clients)
    @rule()
    def left_alone_they_come_to_rest(self) -> None:
        until = self.now + 10 * REBALANCE_S
        while self.now < until:
            self.all_go_on()
            self.time_passes(1.0)
        assert self.group.state is GroupState.STABLE
        assert set(self.group.members) == {client.member_id for client in self.clients.values()}
        shares = [client.owned for client in self.clients.values()]
        assert sorted(partition for share in shares for partition in share) == list(range(PARTITIONS))

    def next_step(self, client: Client) -> None:
        if client.wants_to_join:
            self.join(client)
        elif not client.owned:
            self.sync(client)
        else:
            error = self.group.heartbeat(client.member_id, client.generation, self.now)
            if error is not ErrorCode.NONE:
                self.failed(client, error)

    def join(self, client: Client) -> None:
        self.count += 1
        request = JoinRequest(
            member_id=client.member_id,
            client_id=client.name,
            client_host="",
            protocol_type="consumer",
            protocols=(("range", b""),),
            session_timeout_s=SESSION_S,
            rebalance_timeout_s=REBALANCE_S,
        )
        new_id = f"{client.name}-{self.count}"
        client.member_id = client.member_id or new_id
        client.waiting = "join"
        self.deliver(self.group.join(request, new_id, self.now))

    def sync(self, client: Client) -> None:
        assignments = {
            member: bytes(range(index, PARTITIONS, len(client.members))) for index, member in enumerate(client.members)
        }
        client.waiting = "sync"
        self.deliver(self.group.sync(client.member_id, client.generation, assignments, self.now))

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        client = self.pick(data, waiting="")
        if client is not None and data.draw(st.booleans()):
            del self.clients[client.name]
            _, answers = self.group.leave(client.member_id, self.now)
            self.deliver(answers)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        client = self.pick(data)
        if client is not None and data.draw(st.booleans()):
            del self.clients[client.name]
            if client.waiting:
                self.deliver(self.group.disconnected(client.member_id, self.now))

    @rule(seconds=st.floats(0.01, 4.0))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(50):
            deadline = self.group.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(self.now, deadline)
            self.deliver(self.group.tick(self.now))
        else:
            raise AssertionError("the group ticks without end")
        self.now = until

    @invariant()
    def a_stable_group_shares_out_each_partition_once(self) -> None:
        if self.group.state is GroupState.STABLE:
            assigned = [p for member in self.group.members.values() for p in member.assignment]
            assert sorted(assigned) == list(range(PARTITIONS))

    @invariant()
    def whoever_waits_is_a_member_with_an_end_in_sight(self) -> None:
        for client in self.clients.values():
            if client.waiting:
                assert client.member_id in self.group.members
                assert self.group.next_deadline() is not None

    @invariant()
    def an_empty_group_has_no_members(self) -> None:
        assert (self.group.state is GroupState.EMPTY) == (not self.group.members) or self.group.next_deadline()


TestGroupMachine = GroupMachine.TestCase
TestGroupMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
