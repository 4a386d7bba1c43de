"""What a chaos run feeds and which faults it injects after how many readings: a function of its seed. Pure."""

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count

from metrla.data.feeds.damage import SPOIL
from metrla.data.simulation.simulator import Simulator
from shared.events.avro import encode
from shared.events.records import NetworkId, TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.partitioning import partition_of
from shared.traffic.network import Network
from tests.chaos import hostile as attacks

# A Tuesday, 06:30 in Los Angeles: the morning's queues grow from here.
START = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)
READING_INTERVAL = timedelta(minutes=1)
NETWORK_IDS = ("chaos-north", "chaos-south", "chaos-east")

LARGE_BYTES = 300_000
"""More than an event may have."""
POISON_SHARE = 0.01
DUPLICATE_SHARE = 0.01
LATE_SHARE = 0.01
TOO_LATE_SHARE = 0.003
MISKEYED_SHARE = 0.003
DUPLICATE_AFTER = (timedelta(0), timedelta(minutes=12))
LATE_BY = (timedelta(minutes=1), timedelta(minutes=14))
TOO_LATE_BY = (timedelta(minutes=25), timedelta(minutes=60))

# Injected faults leave the first and the last readings alone, so that each of them meets a pipeline at work.
FIRST_FAULT, LAST_FAULT = 0.03, 0.97


class Sort(StrEnum):
    """What a message of the feed is; everything but poison and what is hostile is a valid reading."""

    READING = "reading"
    DUPLICATE = "duplicate"
    LATE = "late"
    TOO_LATE = "too late"
    MISKEYED = "without its key"
    MEASURE = "one measure of a reading"
    SKEWED = "of a wrong clock"
    POISON = "poison"
    HOSTILE = "hostile"
    STRAY = "hostile, on another topic"


UNUSABLE = frozenset({Sort.POISON, Sort.HOSTILE})
"""What must be dead-lettered."""


@dataclass(frozen=True, slots=True)
class Fed:
    """One message of the feed. `reason` is why a consumer must reject it, empty where it must not or may choose one."""

    sort: Sort
    key: bytes | None
    value: bytes | None
    reason: str = ""
    topic: str = TRAFFIC_EVENTS.name


class Strike(StrEnum):
    """What happens to a process."""

    KILL = "SIGKILL"
    RESTART = "clean restart"
    ADD = "instance added"
    REMOVE = "instance removed"
    KILL_ADDED = "added instance SIGKILLed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, injected once `after` messages were fed; a server stays away for `away_s` seconds."""

    after: int
    target: str
    strike: Strike
    away_s: float = 0.0


def chaos_networks(example: Network, *, hostile: bool = False) -> tuple[Network, ...]:
    """Three networks with the roads of `example`, so that the partitions behind ingest have work to share."""
    networks = tuple(
        replace(example, network_id=NetworkId(name), name=name, reading_interval=READING_INTERVAL)
        for name in NETWORK_IDS
    )
    return (*networks[:-1], attacks.odd_network(networks[-1])) if hostile else networks


def feed(networks: Sequence[Network], readings: int, seed: int, *, hostile: bool = False) -> Iterator[Fed]:
    """`readings` readings of simulated traffic in the order of their arrival, and the mischief among them."""
    honest = _honest(networks, readings, seed)
    return _among(honest, networks, seed) if hostile else (message for _, message in honest)


def _honest(networks: Sequence[Network], readings: int, seed: int) -> Iterator[tuple[TrafficEvent, Fed]]:
    """Each message, with the reading that it is or was made of."""
    rng = random.Random(seed)
    held: list[tuple[datetime, int, TrafficEvent, Fed]] = []
    order = count()
    simulators = [Simulator(network, seed + number) for number, network in enumerate(networks)]
    left = readings
    for deliveries in zip(*(simulator.deliveries(START) for simulator in simulators), strict=True):
        now = deliveries[0].at
        while held and held[0][0] <= now:
            yield heapq.heappop(held)[2:]
        events = [event for delivery in deliveries for event in delivery.events]
        for event in events[:left]:
            message = _reading(event, rng)
            delay = _delay(message.sort, rng)
            if delay:
                heapq.heappush(held, (now + delay, next(order), event, message))
            else:
                yield event, message
            if rng.random() < DUPLICATE_SHARE:
                again = replace(message, sort=Sort.DUPLICATE, key=event.sensor_id.encode())
                heapq.heappush(held, (now + delay + _between(DUPLICATE_AFTER, rng), next(order), event, again))
            if rng.random() < POISON_SHARE:
                yield event, _poison(event, rng)
        left -= len(events)
        if left <= 0:
            break
    while held:
        yield heapq.heappop(held)[2:]


def _among(messages: Iterator[tuple[TrafficEvent, Fed]], networks: Sequence[Network], seed: int) -> Iterator[Fed]:
    """The messages with what is hostile among them; of wrong clocks come plain readings alone."""
    rng = random.Random(seed + 2)
    clocks = {network.network_id: attacks.Clocks(network, seed) for network in networks}
    strays = [attacks.strays(network, rng) for network in networks]
    hostile: Iterator[tuple[str, bytes | None, bytes | None]] | None = None
    for event, message in messages:
        clock = clocks[event.network_id]
        plain = message.sort is Sort.READING
        if event.sensor_id in clock.wrong and message.sort is not Sort.POISON:
            if plain:
                skewed = replace(
                    event, timestamp=event.timestamp + clock.skew(event.sensor_id, event.timestamp - START)
                )
                yield replace(message, sort=Sort.SKEWED, value=encode(skewed))
        elif plain and rng.random() < attacks.MEASURE_SHARE:
            for part in attacks.measures_apart(event, rng):
                yield replace(message, sort=Sort.MEASURE, value=encode(part))
        else:
            yield message
        if rng.random() < attacks.HOSTILE_SHARE:
            hostile = attacks.events(event, rng) if hostile is None else hostile
            _, key, value = next(hostile)
            yield Fed(Sort.HOSTILE, key, value)
        if rng.random() < attacks.HOSTILE_SHARE:
            stray = next(rng.choice(strays))
            reason = attacks.NAMED if stray.named else ""
            yield Fed(Sort.STRAY, stray.key, stray.value, reason, stray.topic)


def faults(
    messages: int, seed: int, service_kills: int, services: Sequence[str], servers: Sequence[str]
) -> list[Fault]:
    """The faults of a run over `messages` messages, in order.

    Every service is killed `service_kills` times, every server 3 times for 20 of those (at least once), Kafka is
    restarted cleanly as often, and instances of the services that share partitions come and go.
    """
    rng = random.Random(seed + 1)
    server_kills = max(1, round(service_kills * 3 / 20)) if service_kills else 0
    rebalances = max(1, service_kills // 5) if service_kills else 0

    def moment() -> int:
        return int(messages * rng.uniform(FIRST_FAULT, LAST_FAULT))

    planned = [Fault(moment(), service, Strike.KILL) for service in services for _ in range(service_kills)]
    for server in servers:
        strikes = [Strike.KILL] * server_kills + [Strike.RESTART] * (server_kills if server == "kafka" else 0)
        planned += [Fault(moment(), server, strike, away_s=rng.uniform(0.0, 8.0)) for strike in strikes]
    for service in services:
        if service != "gateway" and rebalances:
            planned += _instances(service, messages, rebalances, rng)
    return sorted(planned, key=lambda fault: (fault.after, fault.target, fault.strike))


def _instances(service: str, messages: int, times: int, rng: random.Random) -> Iterator[Fault]:
    """A second instance comes and goes `times` times, one after the other, cleanly and by force in turns."""
    share = (LAST_FAULT - FIRST_FAULT) / times
    for number in range(times):
        first = FIRST_FAULT + number * share
        added, removed = first + share * rng.uniform(0.05, 0.3), first + share * rng.uniform(0.6, 0.9)
        yield Fault(int(messages * added), service, Strike.ADD)
        yield Fault(int(messages * removed), service, Strike.REMOVE if number % 2 else Strike.KILL_ADDED)


def _reading(event: TrafficEvent, rng: random.Random) -> Fed:
    key, draw = event.sensor_id.encode(), rng.random()
    if draw < LATE_SHARE:
        return Fed(Sort.LATE, key, encode(event))
    if draw < LATE_SHARE + TOO_LATE_SHARE:
        return Fed(Sort.TOO_LATE, key, encode(event))
    if draw < LATE_SHARE + TOO_LATE_SHARE + MISKEYED_SHARE:
        return Fed(Sort.MISKEYED, rng.choice((None, b"", b"somebody-else")), encode(event))
    return Fed(Sort.READING, key, encode(event))


def _delay(sort: Sort, rng: random.Random) -> timedelta:
    if sort is Sort.LATE:
        return _between(LATE_BY, rng)
    return _between(TOO_LATE_BY, rng) if sort is Sort.TOO_LATE else timedelta(0)


def _between(bounds: tuple[timedelta, timedelta], rng: random.Random) -> timedelta:
    return bounds[0] + (bounds[1] - bounds[0]) * rng.random()


def _poison(event: TrafficEvent, rng: random.Random) -> Fed:
    """One message that must be rejected: damaged Avro of every kind, JSON without sense, too much, or no value."""
    key = event.sensor_id.encode()
    kind = rng.choice([*SPOIL, "json", "large", "tombstone"])
    if kind == "json":
        return Fed(Sort.POISON, key, b'{"speed": "fast", "who": %d}' % rng.randrange(10**9), "mapping_failed")
    if kind == "large":
        return Fed(Sort.POISON, key, encode(event) + rng.randbytes(1) * LARGE_BYTES, "too_large")
    if kind == "tombstone":
        return Fed(Sort.POISON, key, None, "undecodable")
    reason = next(reason for reason in SPOIL if reason == kind)
    spoilt = replace(event, event_id=f"poison-{event.event_id}")
    # A timestamp is in the future against the wall clock, which is past the simulated day.
    value = SPOIL[reason](spoilt, rng, datetime(2099, 1, 1, tzinfo=UTC))
    return Fed(Sort.POISON, key, value, reason.value)


def lanes(networks: Iterable[Network], partitions: int) -> dict[tuple[int, str], list[str]]:
    """Which sensors of which network are in each partition of `traffic-events`."""
    found: dict[tuple[int, str], list[str]] = {}
    for network in networks:
        for partition in range(partitions):
            found[partition, network.network_id] = []
        for sensor in network.sensors:
            found[partition_of(sensor.sensor_id, range(partitions)), network.network_id].append(sensor.sensor_id)
    return found
