"""Topics and partitions of the embedded broker, in memory. No sockets.

    partition, segment      an append-only log of opaque batches, bounded by retention
    batch, records          the header of a batch; the few places that look inside one
    compaction              of every key only the last record stays, with its offset
    producers               de-duplication of idempotent producers
    topics, topic_config    all topics, and their configuration in Kafka's names

Batches stay the bytes that a producer sent: base offset and leader epoch are patched, which the checksum leaves out.
"""
