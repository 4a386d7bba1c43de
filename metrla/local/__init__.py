"""Everything on one machine: what `metrla demo`, `metrla stack` and the tests start.

    devbroker/   an embedded broker that speaks the Kafka protocol, in memory
    launcher/    the processes of a demo: planned, started, supervised, shown, stopped
    stack/       real Kafka, HDFS and HBase, a JVM each

The services are the same processes as anywhere else, and know the others by URL alone; nothing in `services` or
`shared` knows of this room.
"""
