"""A ticket opens one WebSocket: once, within seconds, at the instance that issued it."""

import pytest

from services.gateway.access.principals import Principal, Scope
from services.gateway.access.tickets import LIFETIME_S, MOST_OF_ONE, MOST_TICKETS, TicketError, Tickets

ADA, BOB = Principal("ada", frozenset({Scope.READ})), Principal("bob", frozenset({Scope.OPERATE}))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> Tickets:
    return Tickets(clock)


def test_a_ticket_stands_for_who_asked_and_for_their_scopes_once(tickets: Tickets) -> None:
    ada, bob = tickets.issue(ADA, "mk_a"), tickets.issue(BOB, "mk_b")
    assert ada != bob
    found = tickets.redeem(bob)
    assert (found.who, found.credential) == (BOB, "mk_b")
    with pytest.raises(TicketError, match="used"):
        tickets.redeem(bob)
    assert tickets.redeem(ada).who == ADA
    assert len(tickets) == 0


def test_a_ticket_is_good_for_seconds(tickets: Tickets, clock: Clock) -> None:
    first, second = tickets.issue(ADA, "k"), tickets.issue(ADA, "k")
    clock.now_s = LIFETIME_S - 0.1
    assert tickets.redeem(first).who == ADA
    clock.now_s = LIFETIME_S
    with pytest.raises(TicketError, match="older than 30 s"):
        tickets.redeem(second)
    assert len(tickets) == 0


def test_a_ticket_of_another_instance_says_so(tickets: Tickets, clock: Clock) -> None:
    with pytest.raises(TicketError, match="another instance") as refused:
        tickets.redeem(Tickets(clock).issue(ADA, "k"))
    assert refused.value.elsewhere


@pytest.mark.parametrize("text", ["", "mt", "mt_", "mt__", "mk_0011_x", "mt_\ud800_x", "mt_" + "0" * 500, "é" * 20])
def test_what_is_no_ticket_opens_nothing(tickets: Tickets, text: str) -> None:
    with pytest.raises(TicketError):
        tickets.redeem(text)


def test_who_asks_for_many_loses_their_own(tickets: Tickets) -> None:
    bob = tickets.issue(BOB, "k")
    first, *_, last = [tickets.issue(ADA, "k") for _ in range(MOST_OF_ONE + 1)]
    with pytest.raises(TicketError, match="used"):
        tickets.redeem(first)
    assert tickets.redeem(last).who == ADA
    assert tickets.redeem(bob).who == BOB


def test_there_are_only_so_many_and_old_ones_go(tickets: Tickets, clock: Clock) -> None:
    for number in range(MOST_TICKETS + 5):
        tickets.issue(Principal(str(number), frozenset()), "k")
    assert len(tickets) == MOST_TICKETS
    clock.now_s = LIFETIME_S + 1
    tickets.issue(ADA, "k")
    assert len(tickets) == 1
