"""The native stack as a demo's servers: started where it is not running, and continued where its log ends."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from metrla.local.launcher.request import DemoRequest, warm_up_length
from metrla.local.stack import jars
from metrla.local.stack.control import NativeStack
from metrla.local.stack.shape import StackShape, read_shape, write_shape
from shared.events.avro import decode
from shared.events.errors import ConfigurationError, RejectedEventError
from shared.events.records import NetworkId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics, partitions_of
from shared.kafka.replay import REBUILDING_WAIT_MS, LogRecord, open_reader, read_back
from shared.traffic.network import Network

# On a log where other networks are far busier, at most this many records per partition are searched for ours.
MOST_SEARCHED = 50_000


async def bring_up(run: Path, announce: Callable[[str], None]) -> StackShape:
    """Return when the native stack in the folder `run` is ready."""
    for name in jars.missing():
        announce(f"fetching the jars of {name}")
        await asyncio.to_thread(jars.fetch, name)
    shape = read_shape(run)
    write_shape(run, shape)
    await asyncio.to_thread(NativeStack(run, shape).up, announce)
    return shape


async def continued_start(request: DemoRequest, network: Network, bootstrap_servers: str, now: datetime) -> str | None:
    """Where the feed of this demo begins on servers that keep what earlier ones sent; `None` leaves it to the feed.

    Windows in the store are final: readings that a second demo sent for the same time would be late. So a simulation
    continues where the last one ended.

    Raises:
        ConfigurationError: readings on the log are in the way.
    """
    newest = await newest_reading(bootstrap_servers, network.network_id)
    if newest is None:
        return None
    remedy = "`metrla stack reset` empties the servers"
    if request.begin is not None or request.data is not None:
        raise ConfigurationError(
            f"the log holds readings of {network.network_id} up to {newest.isoformat()} already; {remedy}"
        )
    start = (
        newest
        + network.reading_interval
        + (warm_up_length(network.window) if request.speed is not None else timedelta())
    )
    if start > now:
        raise ConfigurationError(
            f"earlier demos have reached {newest.isoformat()}, this one would run into the future; {remedy}"
        )
    return start.isoformat()


async def newest_reading(bootstrap_servers: str, network_id: NetworkId) -> datetime | None:
    """Time of the newest reading of a network at the end of the log; `None` where there is none."""
    await ensure_topics(bootstrap_servers)
    newest: list[datetime] = []
    partitions = await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS])
    async with open_reader(bootstrap_servers, "metrla-demo", max_wait_ms=REBUILDING_WAIT_MS) as reader:
        for partition, end in (await reader.end_offsets(partitions)).items():
            records = await read_back(reader, partition, end, lambda found: _enough(found, network_id))
            newest += _times(records, network_id)
    return max(newest, default=None)


def _enough(records: Sequence[LogRecord], network_id: NetworkId) -> bool:
    return len(records) >= MOST_SEARCHED or bool(_times(records, network_id))


def _times(records: Sequence[LogRecord], network_id: NetworkId) -> list[datetime]:
    times = []
    for record in records:
        try:
            event = decode(TrafficEvent, record.value or b"")
        except RejectedEventError:
            continue
        if event.network_id == network_id:
            times.append(event.timestamp)
    return times
