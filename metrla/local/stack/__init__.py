"""The native stack: real Kafka, HDFS and HBase on this machine, a JVM each, without Docker.

    components      what each server runs, where it listens, and how it says that it is ready
    jars            their class paths, from Maven Central through pinned poms in `deploy/native`
    configuration   the templates of `deploy/native/conf`, filled in
    control         start, watch, stop; `readiness` asks port, log and report
    shape           ports and kind of a stack, which its run folder remembers
    hbase_shell     HBase's own shell with the configuration of a running stack

For one server, for tests on real servers and for chaos runs. What is configured is data in `deploy/native`; a cluster
of your own needs nothing of this.
"""
