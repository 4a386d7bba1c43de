"""Which partition a key goes to, where it is chosen by us instead of by the producer."""

from collections.abc import Iterable

from aiokafka.partitioner import DefaultPartitioner

_partitioner = DefaultPartitioner()


def partition_of(key: str | bytes, partitions: Iterable[int]) -> int:
    """The partition that Kafka's default partitioner (murmur2) gives a key, of these partitions of a topic.

    All that is about one network goes to the partition of its id, whatever the records' own keys are: so who holds
    partition n of one topic and partition n of another has both sides of the same networks.
    """
    everywhere = sorted(partitions)
    return int(_partitioner(key.encode() if isinstance(key, str) else key, everywhere, everywhere))
