"""What the gateway does not show but tells the age of.

Readings that come in, readings that ingest has read and archived, windows that are judged for alerts.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from services.gateway.log.backlog import Backlog
from services.gateway.views.ages import ARCHIVE_WRITE_S, DataAges, DataStage
from shared.events.records import NetworkId
from shared.events.topics import AGGREGATES, TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics, open_admin, partitions_of
from shared.kafka.following import keep_following
from shared.kafka.inspection import NO_OFFSET
from shared.kafka.partitioning import partition_of
from shared.kafka.progress import ARCHIVE_GROUP, WINDOWS_GROUP, read_progress
from shared.kafka.replay import open_reader
from shared.traffic.network import Network

log = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-gateway-ages"
POLL_MS = 100
LOOK_EVERY_S = 1.0
ANSWER_S = 5.0
# Readings are looked at, not read: of a partition that runs ahead the last ones tell whose readings come.
SAMPLE = 500


@dataclass(frozen=True, slots=True)
class _Group:
    """A consumer group, the stage whose work it is, and where what it works on is, in all and of each network."""

    group_id: str
    stage: DataStage
    partitions: Sequence[TopicPartition]
    homes: Mapping[NetworkId, Collection[TopicPartition]]
    backlogs: Mapping[TopicPartition, Backlog] = field(default_factory=lambda: defaultdict(Backlog))


class Upstream:
    """Notes what happens before and beside what the gateway shows.

    Args:
        bootstrap_servers: Kafka brokers to start from.
        networks: whose readings and windows there are.
        alert_group: consumer group of the alert detector.
        ages: where it is noted.
    """

    def __init__(
        self, bootstrap_servers: str, networks: Mapping[NetworkId, Network], alert_group: str, ages: DataAges
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._alert_group = alert_group
        self._ages = ages
        self._network_ids = tuple(networks)
        self._last_read_s: dict[bytes, float] = {}
        self._readers: dict[bytes, list[NetworkId]] = {}
        for network_id, network in networks.items():
            for sensor in network.sensors:
                self._readers.setdefault(sensor.sensor_id.encode(), []).append(network_id)

    async def run(self) -> None:
        """Look until cancelled; a broker that is away is asked again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_following(self._watch_readings, self._lost))
            tasks.create_task(keep_following(self._watch_groups, self._lost))

    def _lost(self, failure: BaseException, pause_s: float) -> None:
        # The follower, which shows what it reads, says aloud that the broker is away.
        log.debug("cannot look upstream, trying again", error=repr(failure), pause_s=round(pause_s, 1))

    async def _watch_readings(self, reached: Callable[[], None]) -> None:
        await ensure_topics(self._bootstrap_servers)
        partitions = await partitions_of(self._bootstrap_servers, [TRAFFIC_EVENTS])
        async with open_reader(self._bootstrap_servers, CLIENT_ID) as reader:
            reached()
            reader.assign(partitions)
            for partition in partitions:
                reader.seek(partition, 0)
            first = True
            while True:
                async with asyncio.timeout(ANSWER_S):
                    await self._look_at_readings(reader, partitions, read_back=first)
                first = False
                await asyncio.sleep(LOOK_EVERY_S)

    async def _look_at_readings(
        self, reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition], *, read_back: bool
    ) -> None:
        """Whose readings there are up to the ends of now; of what is read back it counts when it was written."""
        begins, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
        for partition in partitions:
            recent = max(begins[partition], ends[partition] - SAMPLE)
            if not recent <= await reader.position(partition) <= ends[partition]:
                reader.seek(partition, recent)
        come = Counter[bytes]()
        while [one for one in partitions if await reader.position(one) < ends[one]]:
            for records in (await reader.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    written_ms = record.timestamp if read_back else None
                    for network_id in self._readers.get(record.key or b"", ()):
                        come[record.key] += 1
                        self._ages.note(network_id, DataStage.READINGS, written_ms)
        self._note_intervals(come)

    def _note_intervals(self, come: Counter[bytes]) -> None:
        now_s = asyncio.get_running_loop().time()
        for sensor, readings in come.items():
            last_s, self._last_read_s[sensor] = self._last_read_s.get(sensor), now_s
            if last_s is not None:
                for network_id in self._readers[sensor]:
                    self._ages.note_reading_interval(network_id, (now_s - last_s) / readings)

    async def _watch_groups(self, reached: Callable[[], None]) -> None:
        """How far those have come who work off readings and windows: what they commit is what they have done."""
        await ensure_topics(self._bootstrap_servers)
        readings = await partitions_of(self._bootstrap_servers, [TRAFFIC_EVENTS])
        windows = await partitions_of(self._bootstrap_servers, [AGGREGATES])
        groups = [
            _Group(WINDOWS_GROUP, DataStage.WINDOWS, readings, self._homes(readings)),
            _Group(ARCHIVE_GROUP, DataStage.ARCHIVE, readings, self._homes(readings)),
            _Group(self._alert_group, DataStage.ALERTS, windows, _homes_of(self._network_ids, windows)),
        ]
        async with (
            open_admin(self._bootstrap_servers) as admin,
            open_reader(self._bootstrap_servers, CLIENT_ID) as reader,
        ):
            reached()
            while True:
                async with asyncio.timeout(ANSWER_S):
                    begins = await reader.beginning_offsets([*readings, *windows])
                    # Before the ends, so that nobody seems to be ahead of them.
                    commits = {
                        group.group_id: await admin.list_consumer_group_offsets(
                            group.group_id, partitions=group.partitions
                        )
                        for group in groups
                    }
                    ends = await reader.end_offsets([*readings, *windows])
                for group in groups:
                    self._note_group(group, begins, ends, commits[group.group_id])
                await asyncio.sleep(LOOK_EVERY_S)

    def _note_group(
        self,
        group: "_Group",
        begins: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        commits: Mapping[TopicPartition, OffsetAndMetadata],
    ) -> None:
        now_s = asyncio.get_running_loop().time()
        waited: dict[TopicPartition, float | None] = {}
        begun, flush_s = False, None
        for place in group.partitions:
            commit = commits.get(place, OffsetAndMetadata(NO_OFFSET, ""))
            progress = read_progress(commit.metadata)
            # What ingest has read and holds in open windows is where it should be.
            through = max(commit.offset, NO_OFFSET if progress.handled is None else progress.handled)
            begun |= commit.offset != NO_OFFSET
            flush_s = flush_s or progress.flush_s
            waited[place] = group.backlogs[place].waited_s(begins[place], ends[place], through, now_s)
        allowed_s = None if flush_s is None else flush_s + ARCHIVE_WRITE_S
        for network_id, homes in group.homes.items():
            longest_s = max((s for place in homes if (s := waited[place]) is not None), default=None)
            if begun or longest_s is not None:
                self._ages.note_waiting(network_id, group.stage, longest_s, allowed_s)

    def _homes(self, readings: Sequence[TopicPartition]) -> dict[NetworkId, set[TopicPartition]]:
        """The partitions that the readings of each network are in."""
        homes: dict[NetworkId, set[TopicPartition]] = {network_id: set() for network_id in self._network_ids}
        numbers = [place.partition for place in readings]
        for sensor, network_ids in self._readers.items():
            place = TopicPartition(TRAFFIC_EVENTS.name, partition_of(sensor.decode(), numbers))
            for network_id in network_ids:
                homes[network_id].add(place)
        return homes


def _homes_of(
    network_ids: Sequence[NetworkId], windows: Sequence[TopicPartition]
) -> dict[NetworkId, set[TopicPartition]]:
    """The partition that the windows of each network are in."""
    numbers = [place.partition for place in windows]
    return {
        network_id: {TopicPartition(AGGREGATES.name, partition_of(network_id, numbers))} for network_id in network_ids
    }
