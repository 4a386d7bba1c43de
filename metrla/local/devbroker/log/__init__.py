"""Topics and partitions in memory: appends, reads, retention, compaction, idempotent producers."""
