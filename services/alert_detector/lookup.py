"""Looks usual speeds up in the store, a sensor at a time, beside the work on windows."""

import asyncio

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.usual import LOOK_BACK, Wanted
from shared.events.errors import StoreError
from shared.events.records import ProcessedTrafficAggregate
from shared.store.port import Store

log: BoundLogger = structlog.stdlib.get_logger(__name__)

POLL_S = 0.5
PAUSE_S = 10.0


async def look_up(announced: AnnouncedAlerts, store: Store) -> None:
    """Look up the usual speeds that are wanted, until cancelled. While the store is away, nothing is confirmed anew."""
    while True:
        wanted = next(iter(announced.wanted()), None)
        if wanted is None:
            await asyncio.sleep(POLL_S)
            continue
        try:
            windows = await asyncio.to_thread(_windows, store, wanted)
        except StoreError as failed:
            log.warning("cannot look up usual speeds, trying again", error=str(failed))
            await asyncio.sleep(PAUSE_S)
        else:
            announced.put_usual(wanted, windows)


def _windows(store: Store, wanted: Wanted) -> list[ProcessedTrafficAggregate]:
    start = wanted.before - LOOK_BACK
    return list(store.aggregates(wanted.network_id, wanted.sensor_id, start, wanted.before))
