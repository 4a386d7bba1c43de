"""The native stack: real Kafka, HDFS and HBase on this machine, a JVM each, without Docker."""
