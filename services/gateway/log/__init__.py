"""The gateway and the log: four topics are read, actions and advisories are written.

    records    which topics are read, how a record of each is taken in, and how far back
    follower   keeps the views in step: rebuilds on start, follows, rebuilds after any outage; no consumer group
    writer     the way onto the log, opened by the first who writes

All partitions are read by every instance. What a record means is the views' business.
"""
