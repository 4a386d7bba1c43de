"""Looks usual speeds up in the store, a sensor at a time, beside the work on windows."""

import asyncio
from functools import partial

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.usual import LOOK_BACK, Wanted
from shared.events.errors import RefusedByStoreError
from shared.events.records import ProcessedTrafficAggregate
from shared.kafka.persistence import Persistence
from shared.store.port import Store

log: BoundLogger = structlog.stdlib.get_logger(__name__)

POLL_S = 0.5


async def look_up(announced: AnnouncedAlerts, store: Store) -> None:
    """Look up the usual speeds that are wanted, until cancelled. While the store is away, nothing is confirmed anew."""
    persist = Persistence(asyncio.Event())  # nothing to finish: the stop cancels it
    while True:
        wanted = next(iter(announced.wanted()), None)
        if wanted is None:
            await asyncio.sleep(POLL_S)
            continue
        try:
            windows = await persist("lookup of usual speeds", partial(asyncio.to_thread, _windows, store, wanted))
        except RefusedByStoreError as refused:
            log.error("no usual speeds to be had", sensor=wanted.sensor_id, error=str(refused))  # noqa: TRY400 - foreseen
            windows = []
        announced.put_usual(wanted, windows)


def _windows(store: Store, wanted: Wanted) -> list[ProcessedTrafficAggregate]:
    start = wanted.before - LOOK_BACK
    return list(store.aggregates(wanted.network_id, wanted.sensor_id, start, wanted.before))
