"""The same seed feeds and strikes alike; every sort of mischief and every fault is among it."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from shared.events.avro import decode
from shared.events.errors import RejectionReason
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.chaos import hostile as attacks
from tests.chaos.scenario import Sort, Strike, chaos_networks, faults, feed

NETWORKS = chaos_networks(load_network(EXAMPLE_NETWORK))
SERVICES = ("ingest", "predictor", "alert-detector", "gateway")
SERVERS = ("kafka", "namenode", "datanode", "hbase", "thrift")
READINGS = 20_000
EVENT = TrafficEvent("e", NetworkId("n"), SensorId("s"), datetime(2026, 3, 3, tzinfo=UTC), 60.0, 10.0, 0.1)


def test_a_seed_feeds_the_same_and_another_seed_does_not() -> None:
    assert list(feed(NETWORKS, 3_000, 7)) == list(feed(NETWORKS, 3_000, 7))
    assert list(feed(NETWORKS, 3_000, 7)) != list(feed(NETWORKS, 3_000, 8))


def test_every_sort_is_fed_in_its_share_and_every_reason_to_reject_is_there() -> None:
    fed = list(feed(NETWORKS, READINGS, 1))
    sorts = Counter(message.sort for message in fed)
    assert sum(sorts[sort] for sort in Sort if sort not in {Sort.POISON, Sort.DUPLICATE}) == READINGS
    for sort, share in ((Sort.POISON, 0.01), (Sort.DUPLICATE, 0.01), (Sort.LATE, 0.01), (Sort.TOO_LATE, 0.003)):
        assert 0.7 * share < sorts[sort] / READINGS < 1.3 * share
    assert sorts[Sort.MISKEYED] > 30
    reasons = {message.reason for message in fed if message.sort is Sort.POISON}
    # What is unprocessable is what nobody foresaw: no input is known to be.
    assert reasons == set(RejectionReason) - {RejectionReason.UNPROCESSABLE}
    assert any(message.value is None for message in fed)


def test_a_hostile_feed_has_every_kind_and_the_same_for_a_seed() -> None:
    networks = chaos_networks(load_network(EXAMPLE_NETWORK), hostile=True)
    fed = list(feed(networks, 6_000, 3, hostile=True))
    assert [hash(message) for message in fed] == [hash(message) for message in feed(networks, 6_000, 3, hostile=True)]
    sorts = Counter(message.sort for message in fed)
    for sort in (Sort.HOSTILE, Sort.STRAY):
        assert 0.5 < sorts[sort] / (attacks.HOSTILE_SHARE * 6_000) < 1.5
    made = attacks.events(replace(EVENT, network_id=networks[0].network_id), random.Random(1))
    kinds = {name for name, _, _ in islice(made, 200)}
    assert len(kinds) <= sorts[Sort.HOSTILE], "each kind is fed at least once"
    assert {message.topic for message in fed if message.sort is Sort.STRAY} >= {
        *("processed-traffic-aggregates", "traffic-predictions", "traffic-advisories", "traffic-alert-actions")
    }
    assert max(len(message.value or b"") for message in fed) > 2_000_000


def test_wrong_clocks_are_one_in_each_partition_and_only_ahead_or_behind() -> None:
    networks = chaos_networks(load_network(EXAMPLE_NETWORK), hostile=True)
    fed = [message for message in feed(networks, 6_000, 3, hostile=True) if message.sort is Sort.SKEWED]
    sensors = {(decode(TrafficEvent, message.value or b"").network_id, message.key) for message in fed}
    assert len(sensors) == 4 * len(networks)
    assert all(len(network.sensors) >= 40 for network in networks), "wrong clocks are few among many"


def test_one_measure_a_message_says_in_two_what_one_reading_does() -> None:
    first, second = attacks.measures_apart(EVENT, random.Random(1))
    assert {first.speed_mph, second.speed_mph} == {EVENT.speed_mph, None}
    assert (first.volume_vehicles is None) != (second.volume_vehicles is None)
    assert first.event_id != second.event_id
    assert first.timestamp == second.timestamp


def test_faults_are_the_same_for_a_seed_and_as_many_as_asked() -> None:
    planned = faults(100_000, 3, 20, SERVICES, SERVERS)
    assert planned == faults(100_000, 3, 20, SERVICES, SERVERS)
    counted = Counter((fault.target, fault.strike) for fault in planned)
    assert all(counted[service, Strike.KILL] == 20 for service in SERVICES)
    assert all(counted[server, Strike.KILL] == 3 for server in SERVERS)
    assert counted["kafka", Strike.RESTART] == 3
    assert [fault.after for fault in planned] == sorted(fault.after for fault in planned)


def test_an_instance_is_removed_before_the_next_one_is_added() -> None:
    for service in SERVICES:
        changes = [
            fault.strike
            for fault in faults(100_000, 3, 20, SERVICES, SERVERS)
            if fault.target == service and fault.strike is not Strike.KILL
        ]
        assert changes == [Strike.ADD, Strike.KILL_ADDED, Strike.ADD, Strike.REMOVE] * (len(changes) // 4)
        assert bool(changes) == (service != "gateway")
