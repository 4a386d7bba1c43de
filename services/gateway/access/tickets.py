"""Tickets: open one WebSocket for who cannot send a key with the handshake, as in browsers. Pure, but for the clock.

A ticket is `mt_<instance>_<secret>`: for one use, within seconds, for whoever asked for it and with no more than their
scopes, at the instance that issued it. It may be in an address, which proxies write down: there it is of no use later.
"""

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from services.gateway.access.principals import Principal
from shared.events.errors import MetrlaError

PREFIX = "mt"
INSTANCE_BYTES, SECRET_BYTES = 6, 32
LIFETIME_S = 30.0
MOST_TICKETS, MOST_OF_ONE = 10_000, 100
MAX_TICKET_CHARACTERS = 200


class TicketError(MetrlaError):
    """The ticket opens nothing here; the text says why. `elsewhere`: another instance issued it."""

    def __init__(self, why: str, *, elsewhere: bool = False) -> None:
        super().__init__(why)
        self.elsewhere = elsewhere


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for: who asked, by which credential, so that one that is revoked ends the stream too."""

    who: Principal
    credential: str
    expires_s: float


class Tickets:
    """The tickets of one instance that were not used yet. Of one holder the oldest go first, then of all."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._instance = secrets.token_hex(INSTANCE_BYTES)
        self._open: OrderedDict[str, Ticket] = OrderedDict()
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, who: Principal, credential: str) -> str:
        """A new ticket; nothing but its text ever says what it is."""
        now = self._clock()
        while self._open and next(iter(self._open.values())).expires_s <= now:
            self._drop(next(iter(self._open)))
        if self._held[who.name] >= MOST_OF_ONE:
            self._drop(next(digest for digest, ticket in self._open.items() if ticket.who.name == who.name))
        elif len(self._open) >= MOST_TICKETS:
            self._drop(next(iter(self._open)))
        text = f"{PREFIX}_{self._instance}_{secrets.token_urlsafe(SECRET_BYTES)}"
        self._open[_digest(text)] = Ticket(who, credential, now + LIFETIME_S)
        self._held[who.name] += 1
        return text

    def redeem(self, text: str) -> Ticket:
        """What a ticket stands for, once.

        Raises:
            TicketError: it is used, expired, of another instance, or none.
        """
        kind, _, rest = text.partition("_")
        instance, _, secret = rest.partition("_")
        if kind != PREFIX or not instance or not secret or len(text) > MAX_TICKET_CHARACTERS:
            raise TicketError("This is no ticket; POST /api/tickets gives one.")
        if instance != self._instance:
            why = "This ticket is of another instance of the gateway, or of before its restart; ask this one for one."
            raise TicketError(why, elsewhere=True)
        digest = _digest(text)
        ticket = self._open.get(digest)
        if ticket is not None:
            self._drop(digest)
        if ticket is None or ticket.expires_s <= self._clock():
            raise TicketError(f"This ticket was used, or is older than {LIFETIME_S:g} s; ask for another.")
        return ticket

    def _drop(self, digest: str) -> None:
        name = self._open.pop(digest).who.name
        self._held[name] -= 1
        if not self._held[name]:
            del self._held[name]


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
