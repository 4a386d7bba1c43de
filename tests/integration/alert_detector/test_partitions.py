"""Partitions of windows and of predictions on the embedded broker: made one after the other, gone without a trace."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrla.local.devbroker import DevBroker
from services.alert_detector.alert_log import AlertLog
from services.alert_detector.partitions import Partitions
from services.alert_detector.state_log import StateLog
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.expectations.alerts import ExpectationDetector
from shared.alerts.expectations.expectation import ExpectationRule
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.alerts import DetectionRules
from shared.events.records import AlertId, AlertType
from shared.events.topics import AGGREGATES
from shared.kafka.admin import ensure_topics
from shared.kafka.deadletter import DeadLetterWriter
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import open_producer
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.announcements import alert_of

pytestmark = pytest.mark.integration

NETWORK = load_network(EXAMPLE_NETWORK)
OURS = partition_of(NETWORK.network_id, range(AGGREGATES.partitions))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

QUEUE = alert_of(
    NOON,
    alert_id=AlertId("congestion-1"),
    network_id=NETWORK.network_id,
    message="slow",
    location="there",
    affected_sensors=(NETWORK.sensors[0].sensor_id,),
    confidence_score=1.0,
)
EXPECTED = replace(QUEUE, alert_id=AlertId("congestion-forecast-1"), expected_at=NOON)


@dataclass
class Bench:
    partitions: Partitions
    advisories_known: asyncio.Event

    def active(self) -> int:
        return self.partitions.active(AlertType.CONGESTION)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """One queue and one expectation are on the log."""
    async with DevBroker() as broker:
        servers = broker.bootstrap_servers
        await ensure_topics(servers)
        store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
        try:
            async with open_producer(servers, "test") as producer:
                letters = ReaderLetters(servers, "test", Quarantine())
                alerts = AlertLog(servers, producer, store, "test", letters)
                await alerts.write([RoadChanges((QUEUE, EXPECTED))])
                detectors = {NETWORK.network_id: CongestionDetector(NETWORK, CongestionRule(), Materiality())}
                known = asyncio.Event()
                yield Bench(
                    Partitions(
                        DetectionRules(detectors, 5.0, 1800.0, AnnouncedAlerts({})),
                        {NETWORK.network_id: ExpectationDetector(NETWORK, ExpectationRule(CongestionRule()))},
                        AlertActions(),
                        alerts,
                        StateLog(servers, producer, "test", letters),
                        None,
                        DeadLetterWriter(servers, producer, "test"),
                        producer,
                        known,
                    ),
                    known,
                )
        finally:
            store.close()


async def test_a_partition_that_is_taken_while_it_is_recalled_leaves_nothing_behind(bench: Bench) -> None:
    recalling = asyncio.create_task(bench.partitions.windows(OURS))
    expecting = asyncio.create_task(bench.partitions.predictions(OURS))
    await asyncio.wait([recalling, expecting], timeout=1.0)  # neither may end: advisories are not known yet
    for task in (recalling, expecting):
        assert not task.done()
        task.cancel()
    await asyncio.wait([recalling, expecting])
    assert bench.active() == 0
    assert bench.partitions.actions.networks() == []


async def test_predictions_wait_for_the_windows_of_their_number_each_time_they_are_assigned(bench: Bench) -> None:
    bench.advisories_known.set()
    for _ in range(2):
        expecting = asyncio.create_task(bench.partitions.predictions(OURS))
        await bench.partitions.windows((OURS + 1) % AGGREGATES.partitions)
        assert not expecting.done()
        windows = await bench.partitions.windows(OURS)
        predictions = await asyncio.wait_for(expecting, 60)
        assert bench.active() == 2
        predictions.close()
        windows.close()
        assert bench.active() == 0


async def test_what_is_not_of_a_partition_is_not_recalled_with_it(bench: Bench) -> None:
    bench.advisories_known.set()
    elsewhere = (OURS + 1) % AGGREGATES.partitions
    await bench.partitions.windows(elsewhere)
    await bench.partitions.predictions(elsewhere)
    assert bench.active() == 0
