"""Usual speeds are looked up as soon as the store is back."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from services.alert_detector.lookup import look_up
from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.usual import UsualLookups
from shared.alerts.congestion.queues import CongestionRule
from shared.events.errors import StoreError
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.store.deferred import DeferredStore
from shared.store.port import Store
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.announcements import advisory_of
from tests.kit.until import until

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NETWORK = load_network(EXAMPLE_NETWORK)


def paving() -> TrafficAdvisory:
    return advisory_of(
        START,
        network_id=NETWORK.network_id,
        ends_at=START + timedelta(hours=1),
        affected_sensors=(NETWORK.sensors[0].sensor_id,),
    )


async def test_a_store_that_was_away_is_asked_again_soon(tmp_path: Path) -> None:
    announced = AnnouncedAlerts({NETWORK.network_id: AdvisoryDetector(NETWORK, CongestionRule())}, usual=UsualLookups())
    announced.current.replace({AdvisoryId("a"): paving()})
    announced.step(NETWORK.network_id, START + NETWORK.window, np.full((7, len(NETWORK.sensors)), 20.0))
    assert len(list(announced.wanted())) == 1
    asked = 0

    def open_now() -> Store:
        nonlocal asked
        asked += 1
        if asked <= 2:
            raise StoreError("away")
        return open_store(f"sqlite:///{tmp_path}/store.db")

    store = DeferredStore(open_now)
    looking = asyncio.create_task(look_up(announced, store))
    try:
        await until(lambda: not list(announced.wanted()), "the lookup after two failures", seconds=9)
    finally:
        looking.cancel()
        await asyncio.wait({looking})
        store.close()
    assert asked == 3
