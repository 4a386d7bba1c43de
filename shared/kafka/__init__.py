"""Kafka as this product uses it: the only room that knows aiokafka and Faust.

    admin, inspection      topics made from `shared.events.topics`, and what the broker knows of them
    producer, partitioning  idempotent producers, acknowledged by all replicas; which partition a key goes to
    consumer, membership   a member of a group whose work is never lost, doubled or skipped: what ingest runs on
    assignment             what is done with a partition while it is ours: create, rebuild, handle, tick, close
    worker                 Faust behind that: agents without tables, acknowledged only when outputs are
    delivery, persistence  outputs kept in order until acknowledged; attempts repeated until they succeed
    replay, following      plain readers without a group: read back, read a compacted topic, follow one
    advisories             what is on the advisories topic
    deadletter             what could not be used, byte for byte, with its reason
    watch                  whether a broker answers

Whoever works on a topic writes a `Processing` (pure: records in, outputs out) and is told of partitions once, when it
is made; time-outs, retries, rebalances and dead letters are dealt with here. This room knows records and topics,
nothing of what they mean.
"""
