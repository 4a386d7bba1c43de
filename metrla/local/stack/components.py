"""The servers of the native stack: what each runs, where it listens, and how it says that it is ready. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"

# HDFS: without it WebHDFS answers 500 to every call (JAXB's injector). HBase: its own list for Java 17.
_HDFS_OPENS = ("--add-opens", "java.base/java.lang=ALL-UNNAMED")
_HBASE_OPENS = (
    *(
        part
        for package in ("lang", "nio", "util", "util.concurrent", "lang.reflect", "io", "net")
        for part in ("--add-opens", f"java.base/java.{package}=ALL-UNNAMED")
    ),
    *("--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED"),
    *("--add-exports", "java.base/jdk.internal.misc=ALL-UNNAMED"),
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers listen, all on loopback; away from the usual ports, which the user's own servers may have."""

    kafka: int = 19092
    kafka_controller: int = 19093
    namenode_rpc: int = 18020
    namenode_http: int = 19870
    datanode: int = 19866
    datanode_ipc: int = 19867
    datanode_http: int = 19864
    zookeeper: int = 12181
    hbase_master: int = 16000
    hbase_region_server: int = 16020
    hbase_thrift: int = 19090

    def named(self) -> Mapping[str, int]:
        """By the names that the configuration templates use."""
        return {f"{name}_port": getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Component:
    """One server; ready when `port` accepts, `log_says` stands in its log and `http_says` is found at `http_path`."""

    name: str
    title: str
    library: str
    main: Sequence[str]
    heap_mib: int
    port: int | None = None
    log_says: str | None = None
    http_port: int | None = None
    http_path: str = ""
    http_says: re.Pattern[str] | None = None
    jvm: Sequence[str] = field(default=())
    uses: Collection[str] = field(default=())
    """Names of the servers that must be ready before it starts, and run until it has stopped."""
    stop: Sequence[str] = field(default=())
    """What asks it to stop, where a signal alone would not do: a main class and its arguments."""

    @property
    def main_class(self) -> str:
        """The class by which the process is recognised."""
        return self.main[0]


def components(ports: Ports, *, hbase_on_hdfs: bool) -> tuple[Component, ...]:
    """The servers of the stack, each after those that it uses."""
    return (
        _kafka(ports),
        *_hdfs(ports),
        *(_hbase_cluster(ports) if hbase_on_hdfs else _hbase_alone(ports)),
        _thrift(ports, uses=("hbase-master", "hbase-region-server") if hbase_on_hdfs else ("hbase",)),
    )


def _kafka(ports: Ports) -> Component:
    return Component(
        name="kafka",
        title="Kafka broker and controller",
        library="kafka",
        main=("kafka.Kafka", "{conf}/kafka/server.properties"),
        heap_mib=256,
        port=ports.kafka,
        log_says="Kafka Server started",
        jvm=("-Dlog4j2.configurationFile={conf}/kafka/log4j2.yaml",),
    )


def _hdfs(ports: Ports) -> tuple[Component, ...]:
    package = "org.apache.hadoop.hdfs.server"
    return (
        Component(
            name="namenode",
            title="HDFS NameNode",
            library="hdfs",
            main=(f"{package}.namenode.NameNode",),
            heap_mib=256,
            port=ports.namenode_rpc,
            jvm=_HDFS_OPENS,
        ),
        Component(
            name="datanode",
            title="HDFS DataNode",
            library="hdfs",
            main=(f"{package}.datanode.DataNode",),
            heap_mib=256,
            port=ports.datanode_http,
            http_port=ports.namenode_http,
            # The bean FSNamesystem reports the same 8 s later.
            http_path="/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState",
            http_says=re.compile(r'"NumLiveDataNodes"\s*:\s*1'),
            jvm=_HDFS_OPENS,
            uses=("namenode",),
        ),
    )


def _hbase_alone(ports: Ports) -> tuple[Component, ...]:
    return (
        Component(
            name="hbase",
            title="HBase standalone",
            library="hbase",
            main=("org.apache.hadoop.hbase.master.HMaster", "start"),
            heap_mib=512,
            port=ports.hbase_master,
            log_says="Master has completed initialization",
            jvm=_HBASE_OPENS,
            # At a signal it ends its ZooKeeper before its region server, which then waits for that for half a minute.
            stop=("org.apache.hadoop.hbase.master.HMaster", "stop", "--shutDownCluster"),
        ),
    )


def _hbase_cluster(ports: Ports) -> tuple[Component, ...]:
    package = "org.apache.hadoop.hbase"
    return (
        Component(
            name="zookeeper",
            title="ZooKeeper",
            library="hbase",
            main=(f"{package}.zookeeper.HQuorumPeer",),
            heap_mib=128,
            port=ports.zookeeper,
            jvm=_HBASE_OPENS,
        ),
        Component(
            name="hbase-master",
            title="HBase master",
            library="hbase",
            main=(f"{package}.master.HMaster", "start"),
            heap_mib=256,
            port=ports.hbase_master,
            log_says="Master has completed initialization",
            jvm=_HBASE_OPENS,
            uses=("datanode", "zookeeper"),
        ),
        Component(
            name="hbase-region-server",
            title="HBase region server",
            library="hbase",
            main=(f"{package}.regionserver.HRegionServer", "start"),
            heap_mib=384,
            port=ports.hbase_region_server,
            jvm=_HBASE_OPENS,
            uses=("datanode", "zookeeper"),
        ),
    )


def _thrift(ports: Ports, uses: Collection[str]) -> Component:
    return Component(
        name="thrift",
        title="HBase Thrift1 server",
        library="hbase",
        main=(
            "org.apache.hadoop.hbase.thrift.ThriftServer",
            *("start", "-b", LOOPBACK, "-p", str(ports.hbase_thrift)),
        ),
        heap_mib=256,
        port=ports.hbase_thrift,
        jvm=_HBASE_OPENS,
        uses=uses,
    )
