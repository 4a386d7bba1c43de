"""What every handler is given."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from metrla.local.devbroker.groups.coordinator import GroupCoordinator
from metrla.local.devbroker.log.topics import TopicStore
from metrla.local.devbroker.settings import BrokerSettings

NODE_ID = 1
CLUSTER_ID = "metrla-devbroker"


@dataclass(slots=True, kw_only=True)
class BrokerState:
    """The one state of a broker; host and port are what clients are told to connect to."""

    settings: BrokerSettings
    topics: TopicStore
    groups: GroupCoordinator
    host: str
    port: int
    producer_ids: Iterator[int] = field(default_factory=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Where a request came from; `disconnected` is done once its client is gone."""

    api_version: int
    client_id: str
    client_host: str
    disconnected: asyncio.Future[None]


Request = dict[str, Any]
Response = dict[str, Any]
# A handler that returns None wants no response to be sent: a produce request with acks=0.
Handler = Callable[[BrokerState, Request, RequestContext], Awaitable[Response | None]]
