"""The real alert-detector process on the embedded broker: windows in, alerts out, also when it is killed."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from aiokafka import TopicPartition
from numpy.typing import NDArray
from safetensors.numpy import save

from metrla.data.importing.folder import write_network
from metrla.data.importing.published import import_network
from metrla.data.simulation.scenario import Incident
from metrla.data.simulation.simulator import Simulator
from metrla.local.devbroker import BrokerSettings, DevBroker
from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.learned.learner import Learner
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts
from shared.archive.layout import CARD_FILE, MODEL_FILE, model_path
from shared.archive.url import open_archive
from shared.events.avro import decode, encode
from shared.events.model_names import HISTORICAL_AVERAGE
from shared.events.records import (
    AlertId,
    AlertStatus,
    AlertType,
    ProcessedTrafficAggregate,
    TrafficAlert,
)
from shared.events.topics import AGGREGATES, ALERT_DETECTOR_STATE, ALERTS, DEAD_LETTER_REASON, TRAFFIC_EVENTS_DLQ
from shared.forecasting.models.card import FORMAT
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message
from shared.kafka.replay import open_reader, read_range
from shared.store.url import open_store
from shared.traffic.folder import load_network
from shared.traffic.network import Network
from tests.kit.networks import along, network_of
from tests.kit.places import EXAMPLE, METR_LA
from tests.kit.processes import Services
from tests.kit.windows import processed_window

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

START = datetime(2012, 5, 2, 8, tzinfo=UTC)
WINDOW, DAY = timedelta(minutes=5), timedelta(days=1)
NETWORK = network_of(
    *along("I-5 N", [f"N{number:02}" for number in range(12)], 0.5, names="Exit {number}"),
    *along("I-5 S", [f"S{number:02}" for number in range(12)], 0.5, names="Exit {number}"),
    *along("I-10 E", [f"E{number:02}" for number in range(12)], 0.5, names="Exit {number}"),
    network_id="freeway",
)

NEVER_SECONDS = 3600.0
Speeds = NDArray[np.float64]


def traffic(steps: int, seed: int = 3) -> Speeds:
    """Free traffic with a few dozen jams that grow and dissolve, and a few missing windows."""
    chance = random.Random(seed)
    speeds = np.full((steps, len(NETWORK.sensors)), 64.0)
    for _ in range(steps // 8):
        first, head, width = chance.randrange(steps), chance.randrange(len(NETWORK.sensors)), chance.randint(1, 6)
        speeds[first : first + chance.randint(4, 30), max(0, head - width) : head] = chance.uniform(8, 38)
    for _ in range(steps):
        speeds[chance.randrange(steps), chance.randrange(len(NETWORK.sensors))] = np.nan
    speeds[-10:] = 64.0
    # Detectors that say the same for an hour are not believed.
    return speeds + np.random.default_rng(seed).normal(0, 1, speeds.shape)


def windows_of(speeds: Speeds, network: Network = NETWORK, start: datetime = START) -> list[ProcessedTrafficAggregate]:
    return [
        processed_window(
            *(network.network_id, sensor.sensor_id, start + step * WINDOW),
            float(speed) if np.isfinite(speed) else None,
            share_observed=float(np.isfinite(speed)),
        )
        for step, row in enumerate(speeds)
        for sensor, speed in zip(network.sensors, row, strict=True)
    ]


def expected(speeds: Speeds) -> list[TrafficAlert]:
    """What the detectors say when nothing interrupts them."""
    network_id = NETWORK.network_id
    rules = DetectionRules(
        {network_id: CongestionDetector(NETWORK, CongestionRule(), Materiality())},
        NEVER_SECONDS,
        NEVER_SECONDS,
        AnnouncedAlerts({network_id: AdvisoryDetector(NETWORK, CongestionRule())}),
        learners={network_id: Learner(NETWORK)},
    )
    alerts = ObservedAlerts(rules)
    changes = [change for window in windows_of(speeds) for change in alerts.handle([window], 0.0)]
    return [alert for change in changes for alert in change.alerts]


class Pipeline(Services):
    """A broker, a store and the processes under test."""

    async def feed(self, windows: Iterable[ProcessedTrafficAggregate]) -> None:
        await self.produce([Message(AGGREGATES.name, window.network_id.encode(), encode(window)) for window in windows])

    async def alerts(self) -> list[TrafficAlert]:
        found = []
        for record in await self.read(ALERTS):
            alert = decode(TrafficAlert, record.value)
            assert record.key == alert.alert_id.encode()
            found.append(alert)
        return found

    async def until_alerts(self, count: int) -> None:
        """Return when so many changes are on the log."""
        partition = TopicPartition(ALERTS.name, 0)
        async with open_reader(self.bootstrap_servers, "test-watcher") as reader:

            async def there() -> bool:
                return int((await reader.end_offsets([partition]))[partition]) >= count

            await self.until(there, f"{count} changes of alerts")

    async def until_learned(self, step: datetime) -> None:
        """Return when what the window that ends at `step` taught is on the log."""
        partition = TopicPartition(ALERT_DETECTOR_STATE.name, 0)
        async with open_reader(self.bootstrap_servers, "test-learned") as reader:

            async def there() -> bool:
                end = (await reader.end_offsets([partition]))[partition]
                newest = (await read_range(reader, partition, max(0, end - 2), end)) if end else []
                return any(step.isoformat().encode() in record.value for record in newest)

            await self.until(there, f"learned from {step}", 120.0)

    def stored(self) -> dict[AlertId, TrafficAlert]:
        store = open_store(self.store_url)
        try:
            return {alert.alert_id: alert for alert in store.alerts()}
        finally:
            store.close()

    async def until_stored(self, wanted: dict[AlertId, TrafficAlert]) -> None:
        async def there() -> bool:
            return self.stored() == wanted

        await self.until(there, "the store holds the last state of every alert")


@pytest.fixture(params=[NEVER_SECONDS], ids=["history kept"])
async def pipeline(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pipeline]:
    write_network(NETWORK, tmp_path / "network")
    async with DevBroker(settings=BrokerSettings(housekeeping_interval_s=request.param)) as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Pipeline(broker, tmp_path, [tmp_path / "network"]) as pipeline:
            yield pipeline


def last_states(log: Iterable[TrafficAlert]) -> dict[AlertId, TrafficAlert]:
    return {alert.alert_id: alert for alert in sorted(log, key=lambda alert: alert.revision)}


async def test_windows_become_alerts_that_are_raised_updated_and_cleared(pipeline: Pipeline) -> None:
    speeds = traffic(90)
    wanted = expected(speeds)
    assert {alert.status for alert in wanted} == set(AlertStatus)
    process = await pipeline.start("alert_detector")
    await pipeline.feed(windows_of(speeds))
    await pipeline.until_alerts(len(wanted))
    assert Counter(await pipeline.alerts()) == Counter(wanted)
    await pipeline.until_stored(last_states(wanted))
    await process.stop()
    assert len(await pipeline.alerts()) == len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [NEVER_SECONDS, 0.2], indirect=True, ids=["history kept", "compacted"])
async def test_killed_three_times_it_gives_the_same_alerts(pipeline: Pipeline, request: pytest.FixtureRequest) -> None:
    speeds = traffic(400)
    wanted = expected(speeds)
    chance = random.Random(request.node.name)
    await pipeline.feed(windows_of(speeds))
    for count in sorted(chance.sample(range(1, len(wanted) - 5), 3)):
        process = await pipeline.start("alert_detector")
        await pipeline.until_alerts(count)
        await process.kill()
    process = await pipeline.start("alert_detector")
    await pipeline.until_stored(last_states(wanted))
    log = await pipeline.alerts()
    # What was sent twice was sent as it was: no alert has another state, another id or another time.
    assert set(log) == set(wanted) if "kept" in request.node.name else set(log) < set(wanted)
    assert last_states(log) == last_states(wanted)
    assert not [alert for alert in last_states(log).values() if alert.active]
    await process.stop()


async def test_a_store_that_missed_an_alert_is_mended_from_the_log(pipeline: Pipeline) -> None:
    log = expected(traffic(90))
    await pipeline.produce([Message(ALERTS.name, alert.alert_id.encode(), encode(alert)) for alert in log])
    await pipeline.start("alert_detector")
    await pipeline.until_stored(last_states(log))


async def test_a_damaged_window_is_dead_lettered_and_the_stream_goes_on(pipeline: Pipeline) -> None:
    speeds = traffic(90)
    windows, wanted = windows_of(speeds), expected(speeds)
    await pipeline.feed(windows[:500])
    await pipeline.produce([Message(AGGREGATES.name, NETWORK.network_id.encode(), b"\xc3\x01 no window")])
    await pipeline.feed(windows[500:])
    await pipeline.start("alert_detector")
    await pipeline.until_stored(last_states(wanted))
    (letter,) = await pipeline.read(TRAFFIC_EVENTS_DLQ)
    assert letter.value == b"\xc3\x01 no window"
    assert dict(letter.headers)[DEAD_LETTER_REASON] in {b"undecodable", b"unknown_schema"}


async def test_a_feed_that_falls_silent_leaves_no_alert_standing(pipeline: Pipeline) -> None:
    speeds = np.full((8, len(NETWORK.sensors)), 64.0)
    speeds[:, 4] = 20.0
    await pipeline.start("alert_detector", METRLA_ALERT_DETECTOR_SILENCE_SECONDS="2")
    await pipeline.feed(windows_of(speeds))
    await pipeline.until_alerts(2)
    raised, cleared = await pipeline.alerts()
    assert raised.alert_id == cleared.alert_id
    assert cleared.status is AlertStatus.CLEARED
    assert "data is missing" in cleared.message


async def test_it_waits_for_a_broker_that_is_not_up_and_stops_when_told(pipeline: Pipeline) -> None:
    process = await pipeline.start("alert_detector", METRLA_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    await pipeline.until(lambda: "will try again" in pipeline.log, "it says that it waits")
    await process.stop()


@dataclass(frozen=True)
class Day:
    """A day of a network, what is usual there (2 x windows of a day, sensors), and an hour of free traffic after it."""

    network: Network
    start: datetime
    speeds: Speeds
    profile: Speeds

    @property
    def windows(self) -> list[ProcessedTrafficAggregate]:
        free = 65 + np.random.default_rng(1).normal(0, 1, (12, len(self.network.sensors)))
        return windows_of(np.vstack([self.speeds, free]), self.network, self.start)


def simulated_day() -> Day:
    network = load_network(EXAMPLE)
    start = datetime(2026, 3, 4, tzinfo=network.time_zone).astimezone(UTC)
    before = Simulator(network, 5, random_scenario=False).speeds(start - 2 * DAY, 2 * 288).reshape(2, 288, -1)
    crashes = [
        Incident(network.sensors[row].sensor_id, begins, begins + timedelta(minutes=50), lanes_blocked=3)
        for row, hour in ((8, 3), (30, 11), (20, 13), (41, 20))
        for begins in [start + timedelta(hours=hour)]
    ]
    speeds = Simulator(network, 5, random_scenario=False, incidents=crashes).speeds(start, 288)
    usual = np.nanmean(before, axis=0)
    return Day(network, start, speeds, np.vstack([usual, usual]))


def recorded_day() -> Day:
    data = METR_LA
    if not (data / "speeds.parquet").exists():
        pytest.skip(f"METR-LA is not at {data} (set METRLA_DATA)")
    zone = ZoneInfo("America/Los_Angeles")
    network, _ = import_network(data / "sensors.csv", data / "adjacency.csv", "metr-la", zone, "METR-LA", WINDOW)
    table = pd.read_parquet(data / "speeds.parquet")[[sensor.sensor_id for sensor in network.sensors]].replace(
        0, np.nan
    )
    first = pd.Timestamp("2012-05-02")
    before = table[first - pd.Timedelta(days=21) : first - pd.Timedelta(minutes=5)]
    days = pd.DatetimeIndex(before.index)
    kinds = [before[days.day_of_week < 5], before[days.day_of_week >= 5]]
    profile = np.vstack([kind.groupby(pd.DatetimeIndex(kind.index).time).median().to_numpy() for kind in kinds])
    start = datetime(2012, 5, 2, tzinfo=zone).astimezone(UTC)
    return Day(network, start, table[first : first + pd.Timedelta(hours=23, minutes=55)].to_numpy(), profile)


def put_profile(url: str, day: Day) -> None:
    """What training leaves of a network's usual speeds in the archive."""
    sensors = [sensor.sensor_id for sensor in day.network.sensors]
    model = save({"profile_mph": day.profile.astype(np.float16)})
    card = {
        "format": FORMAT,
        "network_id": day.network.network_id,
        "model_name": HISTORICAL_AVERAGE,
        "window_seconds": WINDOW.total_seconds(),
        "sensors": sensors,
        "files": {MODEL_FILE: {"bytes": len(model), "sha256": sha256(model).hexdigest()}},
    }
    with closing(open_archive(url)) as archive:
        for name, content in {MODEL_FILE: model, CARD_FILE: json.dumps(card).encode()}.items():
            archive.write(model_path(day.network.network_id, HISTORICAL_AVERAGE, "1", name), content)


async def replayed(day: Day, folder: Path, kills: Sequence[int]) -> list[TrafficAlert]:
    """The log of alerts after a day as fast as it goes; killed when so many changes are on the log."""
    write_network(day.network, folder / "network")
    put_profile((folder / "archive").as_uri(), day)
    settings = {f"METRLA_ALERT_DETECTOR_{name}_SECONDS": "3600" for name in ("SETTLE", "SILENCE")}
    async with DevBroker(settings=BrokerSettings(housekeeping_interval_s=NEVER_SECONDS)) as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Pipeline(broker, folder, [folder / "network"], settings) as pipeline:
            await pipeline.feed(day.windows)
            for count in kills:
                process = await pipeline.start("alert_detector")
                await pipeline.until_alerts(count)
                await process.kill()
            process = await pipeline.start("alert_detector")
            await pipeline.until_learned(day.start + (len(day.speeds) + 12) * WINDOW)
            await process.stop()
            return await pipeline.alerts()


@pytest.mark.slow
@pytest.mark.timeout(480)  # two replays, four processes: under a minute on an idle machine
@pytest.mark.parametrize("make_day", [simulated_day, recorded_day])
async def test_a_day_replayed_and_killed_three_times_gives_the_same_alerts(
    make_day: Callable[[], Day], tmp_path: Path
) -> None:
    day = make_day()
    straight = await replayed(day, tmp_path / "straight", [])
    kinds = {alert.alert_type for alert in straight}
    assert kinds == {AlertType.CONGESTION, AlertType.INCIDENT}
    killed = await replayed(day, tmp_path / "killed", [len(straight) * part // 5 for part in (1, 2, 4)])
    # What was on its way when the process was killed may come twice, but as it was.
    assert Counter(set(killed)) == Counter(straight)
    for status in (AlertStatus.RAISED, AlertStatus.CLEARED):
        ids = Counter(alert.alert_id for alert in straight if alert.status is status)
        assert set(ids.values()) == {1}
        assert set(ids) == set(last_states(straight))
    assert not [alert for alert in last_states(killed).values() if alert.active]
