"""The same seed feeds and strikes alike; every sort of mischief and every fault is among it."""

from collections import Counter

from shared.events.errors import RejectionReason
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.chaos.scenario import Sort, Strike, chaos_networks, faults, feed

NETWORKS = chaos_networks(load_network(EXAMPLE_NETWORK))
SERVICES = ("ingest", "predictor", "alert-detector", "gateway")
SERVERS = ("kafka", "namenode", "datanode", "hbase", "thrift")
READINGS = 20_000


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
