"""Deliveries onto the log: paced, in batches that the log has acknowledged, until they end or someone says stop."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import AIOKafkaProducer

from metrla.data.feeds.damage import Damager
from metrla.data.feeds.delivery import Delivery, Pace
from shared.events.avro import encode
from shared.events.errors import RejectionReason
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.persistence import pause
from shared.kafka.producer import Message, send_all
from shared.runtime.clock import Clock, wall_clock

# In flight at most: enough to keep the log busy, and so few that Ctrl-C need not wait long.
EVENTS_AT_ONCE = 2000


@dataclass(slots=True)
class FeedCounts:
    """What is on the log, acknowledged. `last` is the event time that the feed has reached."""

    events: int = 0
    last: datetime | None = None
    seconds: float = 0.0
    damaged: Counter[RejectionReason] = field(default_factory=Counter)


FeedProgress = Callable[[FeedCounts], None]


class FeedWriter:
    """Sends deliveries to `traffic-events`, keyed by sensor.

    Args:
        producer: started; the caller stops it.
        damager: mixes in damaged copies of events where given.
        clock: tells the damager what lies in the future.
    """

    def __init__(self, producer: AIOKafkaProducer, damager: Damager | None = None, clock: Clock = wall_clock) -> None:
        self._producer = producer
        self._damager = damager
        self._clock = clock

    async def write(
        self, deliveries: Iterable[Delivery], pace: Pace, stop: asyncio.Event, on_progress: FeedProgress | None = None
    ) -> FeedCounts:
        """Send until `deliveries` end or `stop` is set; everything counted is acknowledged.

        Args:
            deliveries: in the order to send; taken as they become due, in a thread, since making them may take long.
            pace: when each is due, from the moment of this call.
            stop: no batch begins after it.
            on_progress: called after each batch.

        Raises:
            KafkaError: the log refused a batch. What was counted before is on it.
        """
        counts, started = FeedCounts(), time.monotonic()
        batches = _Batches(iter(deliveries), pace)
        while not stop.is_set():
            batch = await asyncio.to_thread(batches.take, time.monotonic() - started, counts.events)
            if batch:
                await send_all(self._producer, self._messages(batch, counts.damaged))
                counts.events += sum(len(delivery.events) for delivery in batch)
                counts.last = batch[-1].at
            elif batches.exhausted:
                break
            counts.seconds = time.monotonic() - started
            if on_progress is not None:
                on_progress(counts)
            if (wait := batches.due(counts.events) - counts.seconds) > 0:
                await pause(stop, wait)
        counts.seconds = time.monotonic() - started
        return counts

    def _messages(self, batch: Iterable[Delivery], damaged: Counter[RejectionReason]) -> Iterator[Message]:
        now = self._clock()
        for delivery in batch:
            for event in delivery.events:
                yield Message(TRAFFIC_EVENTS.name, event.sensor_id.encode(), encode(event))
                if self._damager and (copy := self._damager.copy_of(event, now)):
                    damaged[copy.reason] += 1
                    yield Message(TRAFFIC_EVENTS.name, copy.key, copy.value)


class _Batches:
    """Takes what is due from an iterator, and holds back the first delivery that is not."""

    def __init__(self, deliveries: Iterator[Delivery], pace: Pace) -> None:
        self._deliveries = deliveries
        self._pace = pace
        self._next: Delivery | None = None
        self.exhausted = False

    def take(self, elapsed_s: float, sent: int) -> list[Delivery]:
        """The deliveries due by now, up to a batch; none if the next one is due later, or there are no more."""
        batch: list[Delivery] = []
        size = 0
        while size < EVENTS_AT_ONCE:
            if self._next is None:
                self._next = next(self._deliveries, None)
            if self._next is None:
                self.exhausted = True
                break
            if self._pace.due(self._next.at, sent + size) > elapsed_s:
                break
            batch.append(self._next)
            size += len(self._next.events)
            self._next = None
        return batch

    def due(self, sent: int) -> float:
        """When the delivery held back is due, in seconds after the start; 0 without one."""
        return self._pace.due(self._next.at, sent) if self._next else 0.0
