"""What ingest says of single sensors: readings that came too late, clocks that are off.

Metrics have the network alone, for there are thousands of sensors; the service's log lines name them, at most once a
minute, and the topic `sensor-times` has all, for the gateway to show.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import structlog

from shared.events.records import NetworkId, SensorId
from shared.runtime.metrics import IngestMetrics
from shared.traffic.health.times import SensorTime, SensorTimes

log = structlog.stdlib.get_logger(__name__)

SAY_EVERY_S = 60.0
TELL_EVERY_S = 5.0
# What a clock is ahead by, as far as the topic is concerned: it moves with every reading.
TOLD_TO_S = 60.0
NAMED = 10

Who = tuple[NetworkId, SensorId]


class SensorReports:
    """Counts and names what is wrong with the times of sensors, for the partitions of one assignment."""

    def __init__(self, metrics: IngestMetrics, since: datetime) -> None:
        self._metrics = metrics
        self._since = since
        self._late: Counter[Who] = Counter()
        self._home: dict[Who, int] = {}
        self._told: dict[tuple[NetworkId, int], Mapping[SensorId, SensorTime]] = {}
        self._next_told_s = 0.0
        self._unsaid: Counter[Who] = Counter()
        self._next_late_s = 0.0
        self._off: Mapping[Who, float] = {}
        self._off_since: dict[Who, datetime] = {}
        self._said_off: set[Who] = set()
        self._next_off_s = 0.0

    def late(self, late: Counter[Who], partition: int, now_s: float) -> None:
        """Take readings of a partition in that no window takes any more; `now_s` only goes forward."""
        self._home.update(dict.fromkeys(late, partition))
        for (network_id, _), count in late.items():
            self._metrics.too_late.labels(network_id).inc(count)
        self._unsaid.update(late)
        self._late.update(late)
        if not self._unsaid or now_s < self._next_late_s:
            return
        self._next_late_s = now_s + SAY_EVERY_S
        for network_id in sorted({network_id for network_id, _ in self._unsaid}):
            sensors = Counter({sensor: count for (of, sensor), count in self._unsaid.items() if of == network_id})
            log.warning(
                "readings came too late for their windows; the archive has them",
                network=network_id,
                count=sensors.total(),
                sensors=len(sensors),
                most=dict(sensors.most_common(NAMED)),
            )
        self._unsaid.clear()

    def clocks(self, off_in: Mapping[int, Mapping[Who, float]], now_s: float) -> None:
        """Take in whose clocks are off now, by partition, and by how many seconds."""
        off: dict[Who, float] = {}
        for partition, these in off_in.items():
            off |= these
            self._home.update(dict.fromkeys(these, partition))
        if off or self._off:
            self._measure(off)
        self._off = off
        if now_s < self._next_off_s or off.keys() == self._said_off:
            return
        self._next_off_s = now_s + SAY_EVERY_S
        for network_id in sorted({network_id for network_id, _ in off.keys() | self._said_off}):
            new = sorted(sensor for of, sensor in off.keys() - self._said_off if of == network_id)
            right = sorted(sensor for of, sensor in self._said_off - off.keys() if of == network_id)
            if new:
                ahead_s = {sensor: round(off[network_id, sensor]) for sensor in new[:NAMED]}
                log.warning("clocks of sensors are off", network=network_id, sensors=len(new), ahead_s=ahead_s)
            if right:
                log.info(
                    "clocks of sensors are right again", network=network_id, sensors=len(right), some=right[:NAMED]
                )
        self._said_off = set(off)

    def news(
        self, partitions: Iterable[int], networks: Collection[NetworkId], now_s: float, as_of: datetime
    ) -> list[SensorTimes]:
        """What the topic is to be told: of each network in each partition held, what was not told before.

        At first that nothing is wrong, which takes back what others told of the partition.
        """
        if now_s < self._next_told_s:
            return []
        self._next_told_s = now_s + TELL_EVERY_S
        self._off_since = {who: self._off_since.get(who, as_of) for who in self._off}
        now: dict[tuple[NetworkId, int], dict[SensorId, SensorTime]] = {
            (network_id, partition): {} for partition in partitions for network_id in networks
        }
        for network_id, sensor_id in self._late.keys() | self._off.keys():
            ahead_s = self._off.get((network_id, sensor_id))
            told_s = None if ahead_s is None else round(ahead_s / TOLD_TO_S) * TOLD_TO_S
            place = network_id, self._home[network_id, sensor_id]
            now.setdefault(place, {})[sensor_id] = SensorTime(
                told_s, self._late[network_id, sensor_id], self._off_since.get((network_id, sensor_id))
            )
        news = {place: sensors for place, sensors in now.items() if self._told.get(place) != sensors}
        self._told |= news
        return [SensorTimes(of, partition, self._since, as_of, sensors) for (of, partition), sensors in news.items()]

    def close(self) -> None:
        """Whoever holds the partitions next measures anew."""
        self._measure({})
        self._off = {}

    def _measure(self, off: Mapping[Who, float]) -> None:
        for network_id in {network_id for network_id, _ in (*off, *self._off)}:
            skews = [ahead_s for (of, _), ahead_s in off.items() if of == network_id]
            self._metrics.clocks_off.labels(network_id).set(len(skews))
            self._metrics.clock_skew.labels(network_id).set(max(skews, key=abs, default=0.0))
