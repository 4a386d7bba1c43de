"""Kafka as this product uses it: the only room that knows aiokafka and Faust.

    admin, inspection      topics made from `shared.events.topics`, and what the broker knows of them
    producer, partitioning  idempotent producers, acknowledged by all replicas; which partition a key goes to
    consumer, membership   a member of a group; work on all partitions of an assignment at once (`AssignedWork`)
    assignment             work on one partition while it is ours (`Processing`): create, rebuild, handle, tick, close
    worker                 Faust behind that: agents without tables, acknowledged only when outputs are
    delivery, persistence  outputs kept in order until acknowledged; attempts repeated until they succeed
    quarantine             what a stage cannot handle for a record's own sake: found among others, put aside
    replay, following      plain readers without a group: read back, read a compacted topic, follow one
    batches                batches of strangers: header names, damaged and swollen ones, read all the same
    advisories             what is on the advisories topic
    deadletter             what could not be used, byte for byte, with its reason
    watch                  whether a broker answers

Work that needs no other partition is a `Processing` (pure: records in, outputs out), which is told of its partition
once, when it is made; outputs, acknowledgement and dead letters are dealt with here. Work that needs several at once,
or commits for itself, is an `AssignedWork`. Why there are two: docs/decisions/0009. What passes, pauses and rebalances
are this room's for both. It knows records and topics, nothing of what they mean.
"""
