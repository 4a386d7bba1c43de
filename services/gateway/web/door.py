"""Who gets in: connections, counted in all and per address.

Where there are too many, the oldest that is still sending its request goes: a client that asks and leaves is never kept
out by those who wait.
"""

import resource
from asyncio import Transport
from collections import Counter, OrderedDict
from typing import Protocol

import structlog
from uvicorn.server import ServerState

from services.gateway.access.limits import Buckets
from services.gateway.access.origins import Trusted
from services.gateway.settings import GatewaySettings
from shared.runtime.metrics import GatewayMetrics

log = structlog.stdlib.get_logger(__name__)

# Files that everything else may have open: topics, store, archive, logs, health checks.
OWN_FILES = 64
SAID_EVERY_S = 5.0


def files_at_most(wanted: int) -> int:
    """How many files the process may open, after asking for `wanted` of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class Entrant(Protocol):
    """A connection that takes a place."""

    @property
    def transport(self) -> Transport | None:
        """What to end it by."""


class Door(ServerState):
    """uvicorn's state, and the connections that are in.

    Args:
        settings: how many, how long, how large.
        metrics: where refusals are counted.
    """

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        super().__init__()
        self.settings = settings
        self.metrics = metrics
        self.most = settings.max_connections
        self._proxies = Trusted(settings.trusted_proxies)
        self._in: dict[Entrant, str] = {}
        self._per_address: Counter[str] = Counter()
        # Those that are still sending a request or are idle, the longest first.
        self._waiting: OrderedDict[Entrant, None] = OrderedDict()
        self._faults = Buckets(settings.faults_per_second, settings.fault_burst)
        self._unsaid: Counter[str] = Counter()
        self._said_at = float("-inf")

    def enter(self, protocol: Entrant, address: str, now: float) -> bool:
        """Count a connection in; `False` where there is no place and none can be made."""
        if address not in self._proxies and self._per_address[address] >= self.settings.max_connections_per_address:
            if not self._make_place(address):
                self.say("connection refused: too many of one address", address, now)
                return False
            self.say("connection ended: too many of one address", address, now)
        elif len(self._in) >= self.most:
            if not self._make_place(None):
                self.say("connection refused: too many", address, now)
                return False
            self.say("connection ended: too many", address, now)
        self._in[protocol] = address
        self._per_address[address] += 1
        self.metrics.connections.set(len(self._in))
        return True

    def leave(self, protocol: Entrant) -> None:
        """Count a connection out."""
        self._waiting.pop(protocol, None)
        address = self._in.pop(protocol, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]
            self.metrics.connections.set(len(self._in))

    def waits(self, protocol: Entrant) -> None:
        """Note that a connection has sent no complete request, and may be ended for another."""
        if protocol in self._in:
            self._waiting[protocol] = None

    def works(self, protocol: Entrant) -> None:
        """Note that a connection is being answered."""
        self._waiting.pop(protocol, None)

    def is_too_often(self, address: str) -> bool:
        """Count what was no request of an address; whether there were too many, so that it is answered late."""
        return address not in self._proxies and self._faults.take(address) > 0

    def say(self, what: str, address: str, now: float) -> None:
        """Count a refusal, and log it, but not each of a flood."""
        self.metrics.refused.labels("connection").inc()
        self._unsaid[what] += 1
        if now - self._said_at >= SAID_EVERY_S:
            self._said_at = now
            for each, times in self._unsaid.items():
                log.warning(each, address=address, times=times, connections=len(self._in))
            self._unsaid.clear()

    def _make_place(self, address: str | None) -> bool:
        """End the connection that has been waiting for longest, of `address` or of whoever has most of them."""
        if address is None and self._waiting:
            address = max({self._in[each] for each in self._waiting}, key=self._per_address.__getitem__)
        for each in self._waiting:
            if self._in[each] == address:
                self.leave(each)
                if each.transport is not None:
                    each.transport.abort()
                return True
        return False
