"""The real alert-detector process on the embedded broker: forecasts in, alerts of expected congestion out."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from metrla.data.importing.folder import write_network
from metrla.local.devbroker import BrokerSettings, DevBroker
from shared.events.avro import decode, encode
from shared.events.records import (
    AlertId,
    AlertStatus,
    AlertType,
    HorizonForecast,
    NetworkId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.events.topics import AGGREGATES, ALERTS, DEAD_LETTER_REASON, PREDICTIONS, TRAFFIC_EVENTS_DLQ
from shared.kafka.admin import ensure_topics, open_admin, partitions_of
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import Message, open_producer, send_all
from shared.store.url import open_store
from shared.traffic.network import Network
from tests.kit.networks import along, network_of
from tests.kit.processes import Services

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

START = datetime(2012, 5, 2, 8, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
SENSORS = 12
NETWORK, OTHER = (
    network_of(
        *along("I-5 N", [f"N{number:02}" for number in range(SENSORS)], 0.5, 1 / 69, names="Exit {number}"),
        network_id=name,
    )
    for name in ("freeway", "valley")
)
RAISED, UPDATED, CLEARED = AlertStatus


def told(
    step: int, expected: Iterable[int] = (), congested: Iterable[int] = (), network: Network = NETWORK
) -> list[TrafficPrediction]:
    """One origin: which sensors will probably be slow in 15 minutes, and which are now."""
    at, soon, now = START + step * WINDOW, set(expected), set(congested)
    return [
        TrafficPrediction(
            network.network_id,
            sensor.sensor_id,
            at,
            model,
            "7",
            12,
            30.0 if number in now else 64.0,
            tuple(
                HorizonForecast(ahead, at + timedelta(minutes=ahead), speed, speed - 20, speed + 20, 0.4)
                for ahead in (5, 10, 15)
                for speed in [26.0 if number in soon and ahead == 15 else 62.0]
            ),
            serving=model == "ensemble",
        )
        for model in ("ensemble", "historical_average")
        for number, sensor in enumerate(network.sensors)
    ]


# What is expected has come once half of its sensors are slow in two windows running.
COMES = [told(1), told(2, {3, 4}), told(3, {3, 4}), told(4, {3, 4}, {4}), told(5, {3, 4}, {4})]
COMES_THERE = [told(1, network=OTHER), told(2, {3, 4}, network=OTHER), told(3, {3, 4}, network=OTHER)]
GOES = [told(6), told(7, {8}), told(8, {8}), told(9, {8}), told(10), told(11)]


class Pipeline(Services):
    """A broker, a store and the processes under test."""

    async def feed(self, origins: Iterable[Sequence[TrafficPrediction]], *, by_sensor: bool = False) -> None:
        """Write forecasts as the predictor does; `by_sensor`: as it did before partitions went by network."""
        async with open_producer(self.bootstrap_servers, "test-feed") as producer:
            for origin in origins:
                await send_all(
                    producer,
                    [
                        Message(
                            PREDICTIONS.name,
                            one.sensor_id.encode(),
                            encode(one),
                            partition=partition_of(
                                one.sensor_id if by_sensor else one.network_id, range(PREDICTIONS.partitions)
                            ),
                        )
                        for one in origin
                    ],
                )

    async def commit_as(self, group: str) -> None:
        """As if a group had read all predictions that are on the log."""
        partitions = await partitions_of(self.bootstrap_servers, [PREDICTIONS])
        reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, group_id=group, enable_auto_commit=False)
        await reader.start()
        try:
            reader.assign(partitions)
            await reader.commit(await reader.end_offsets(partitions))
        finally:
            await reader.stop()

    async def alerts(self) -> list[TrafficAlert]:
        return [decode(TrafficAlert, record.value) for record in await self.read(ALERTS)]

    async def until_alerts(self, count: int) -> None:
        async def there() -> bool:
            return len(await self.alerts()) >= count

        await self.until(there, f"{count} changes of alerts")

    async def until_members(self, count: int) -> None:
        """Until the group has settled on so many members, and each holds the same partitions of both topics."""

        async def settled() -> bool:
            async with open_admin(self.bootstrap_servers) as admin:
                (response,) = await admin.describe_consumer_groups(["metrla-alert-detector"])
            _, _, state, _, _, members = response.groups[0][:6]
            told = [ConsumerProtocolMemberAssignment.decode(member[4]).assignment for member in members if member[4]]
            held = [{topic: set(numbers) for topic, numbers in one} for one in told]
            alike = all(one[AGGREGATES.name] == one[PREDICTIONS.name] != set() for one in held)
            return bool(state == "Stable" and len(held) == len(members) == count and alike)

        await self.until(settled, f"{count} members that hold the same partitions of both topics")

    def stored(self) -> dict[AlertId, TrafficAlert]:
        store = open_store(self.store_url)
        try:
            return {alert.alert_id: alert for alert in store.alerts()}
        finally:
            store.close()


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    write_network(NETWORK, tmp_path / "network")
    write_network(OTHER, tmp_path / "other")
    # Every change is looked at, so the log must not be compacted meanwhile.
    async with DevBroker(settings=BrokerSettings(housekeeping_interval_s=3600.0)) as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Pipeline(broker, tmp_path, [tmp_path / "network"]) as pipeline:
            yield pipeline


def check(log: Sequence[TrafficAlert]) -> None:
    """One that came, one that did not; each raised once and cleared once, with the same ids however often it died."""
    come, gone = (
        f"congestion-forecast-freeway-{sensor}-{START + step * WINDOW:%Y%m%dT%H%M}"
        for sensor, step in (("N04", 3), ("N08", 8))
    )
    assert [(alert.alert_id, alert.status) for alert in log] == [
        (come, RAISED),
        (come, CLEARED),
        (gone, RAISED),
        (gone, CLEARED),
    ]
    raised, cleared, _, last = log
    assert raised.alert_type is AlertType.CONGESTION
    assert raised.message.startswith("Congestion expected on I-5 N near Exit 4 at ")
    assert ", in 15 min: " in raised.message
    assert raised.message.endswith("(89 %)")
    assert raised.expected_at == START + 6 * WINDOW
    assert raised.affected_sensors == ("N03", "N04")
    assert (raised.evidence[0].model_name, raised.evidence[0].model_version) == ("ensemble", "7")
    assert "has come, 10 min after it was foreseen" in cleared.message
    assert cleared.cleared_at == START + 5 * WINDOW
    assert "no longer expected" in last.message


async def test_expected_congestion_is_raised_and_cleared(pipeline: Pipeline) -> None:
    process = await pipeline.start("alert_detector")
    await pipeline.feed([*COMES, *GOES])
    await pipeline.until_alerts(4)
    check(await pipeline.alerts())
    await process.stop()
    assert {alert_id: alert.status for alert_id, alert in pipeline.stored().items()} == {
        alert.alert_id: CLEARED for alert in await pipeline.alerts()
    }


async def test_killed_in_between_it_says_the_same(pipeline: Pipeline) -> None:
    await pipeline.feed(COMES[:3])
    process = await pipeline.start("alert_detector")
    await pipeline.until_alerts(1)
    await process.kill()
    # Half of an origin, then another death: what it has heard of the origin is on the log.
    await pipeline.feed([*COMES[3:], GOES[0], GOES[1], GOES[2][: SENSORS // 2]])
    process = await pipeline.start("alert_detector")
    await pipeline.until_alerts(2)
    await process.kill()
    await pipeline.feed([GOES[2][SENSORS // 2 :], *GOES[3:]])
    process = await pipeline.start("alert_detector")
    await pipeline.until_alerts(4)
    check(await pipeline.alerts())
    await process.stop()
    check(await pipeline.alerts())


async def test_a_damaged_forecast_is_dead_lettered_and_the_stream_goes_on(pipeline: Pipeline) -> None:
    await pipeline.produce([Message(PREDICTIONS.name, b"N00", b"\xc3\x01 no forecast")])
    await pipeline.feed([*COMES, *GOES])
    await pipeline.start("alert_detector")
    await pipeline.until_alerts(4)
    check(await pipeline.alerts())
    (letter,) = await pipeline.read(TRAFFIC_EVENTS_DLQ)
    assert letter.value == b"\xc3\x01 no forecast"
    assert dict(letter.headers)[DEAD_LETTER_REASON] in {b"undecodable", b"unknown_schema"}


def raised_in(alerts: Iterable[TrafficAlert]) -> list[NetworkId]:
    return sorted(alert.network_id for alert in alerts if alert.status is RAISED)


async def test_two_instances_judge_each_the_networks_that_are_theirs(pipeline: Pipeline) -> None:
    """And the one that is left judges those of the one that dies."""
    pipeline.networks = [pipeline.folder / name for name in ("network", "other")]
    homes = {partition_of(network.network_id, range(PREDICTIONS.partitions)) for network in (NETWORK, OTHER)}
    assert len(homes) == 2
    first, second = [await pipeline.start("alert_detector") for _ in range(2)]
    await pipeline.until_members(2)
    await pipeline.feed([*COMES[:3], *COMES_THERE])
    await pipeline.until_alerts(2)
    assert raised_in(await pipeline.alerts()) == [NETWORK.network_id, OTHER.network_id]
    await first.kill()
    await pipeline.until_members(1)
    await pipeline.feed([*COMES[3:], told(4, network=OTHER), told(5, network=OTHER)])
    await pipeline.until_alerts(4)
    log = await pipeline.alerts()
    assert raised_in(log) == [NETWORK.network_id, OTHER.network_id]
    assert sorted(alert.network_id for alert in log if alert.status is CLEARED) == raised_in(log)
    await second.stop()


async def test_forecasts_of_the_release_before_are_neither_judged_twice_nor_in_the_way(pipeline: Pipeline) -> None:
    """They were spread by sensor and read by a group of their own; a predictor of that release may write some more."""
    # What the second origin raised, and the third cleared, would be raised again if they were.
    await pipeline.feed([told(1, {3, 4}), told(2, {3, 4}), told(3), told(4), told(5)], by_sensor=True)
    await pipeline.commit_as("metrla-alert-detector-forecasts")
    process = await pipeline.start("alert_detector")
    await pipeline.until_members(1)
    await pipeline.feed([told(6)], by_sensor=True)
    await pipeline.feed([told(7), told(8, {8}), told(9, {8}), told(10, {8})])
    await pipeline.until_alerts(1)
    await pipeline.feed([told(11), told(12)])
    await pipeline.until_alerts(2)
    assert [(alert.status, alert.updated_at) for alert in await pipeline.alerts()] == [
        (RAISED, START + 9 * WINDOW),
        (CLEARED, START + 11 * WINDOW),
    ]
    await process.stop()
    assert "passing over forecasts outside the partition of their network" in pipeline.log
