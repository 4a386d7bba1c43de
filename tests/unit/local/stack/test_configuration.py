import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from metrla.local.stack.components import Ports
from metrla.local.stack.configuration import write_configuration
from metrla.local.stack.shape import StackShape

# A name in a template that nothing fills in.
UNFILLED = re.compile(r"\$\{[a-z_]+\}")


def properties(file: Path) -> dict[str, str]:
    root = ET.parse(file).getroot()  # noqa: S314 - written by the function under test
    return {entry.findtext("name") or "": entry.findtext("value") or "" for entry in root.iter("property")}


@pytest.mark.parametrize("shape", [StackShape(), StackShape(hbase_on_hdfs=True)])
def test_every_template_is_filled_in(tmp_path: Path, shape: StackShape) -> None:
    conf = write_configuration(tmp_path, shape)
    files = [file for file in conf.rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"server.properties", "hdfs-site.xml", "core-site.xml", "hbase-site.xml"}
    for file in files:
        text = re.sub(r"<!--.*?-->", "", file.read_text(encoding="utf-8"))
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
        assert UNFILLED.findall(text) == [], file


def test_ports_and_folders_reach_the_configuration(tmp_path: Path) -> None:
    ports = Ports(kafka=31001, namenode_rpc=31002, namenode_http=31003, zookeeper=31004)
    conf = write_configuration(tmp_path, StackShape(ports))
    kafka = (conf / "kafka" / "server.properties").read_text(encoding="utf-8")
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:31001\n" in kafka
    assert f"log.dirs={tmp_path}/kafka\n" in kafka
    assert properties(conf / "hdfs" / "core-site.xml")["fs.defaultFS"] == "hdfs://127.0.0.1:31002"
    assert properties(conf / "hdfs" / "hdfs-site.xml")["dfs.namenode.http-address"] == "127.0.0.1:31003"
    assert properties(conf / "hbase" / "hbase-site.xml")["hbase.zookeeper.property.clientPort"] == "31004"


def test_hbase_lies_in_the_run_folder_or_on_hdfs(tmp_path: Path) -> None:
    alone = properties(write_configuration(tmp_path, StackShape()) / "hbase" / "hbase-site.xml")
    assert alone["hbase.rootdir"] == f"file://{tmp_path}/hbase"
    assert alone["hbase.cluster.distributed"] == "false"
    on_hdfs = properties(write_configuration(tmp_path, StackShape(hbase_on_hdfs=True)) / "hbase" / "hbase-site.xml")
    assert on_hdfs["hbase.rootdir"] == "hdfs://127.0.0.1:18020/hbase"
    assert on_hdfs["hbase.cluster.distributed"] == "true"


def test_every_address_is_of_loopback(tmp_path: Path) -> None:
    conf = write_configuration(tmp_path, StackShape(hbase_on_hdfs=True))
    for file in conf.rglob("*.xml"):
        for name, value in properties(file).items():
            if name.endswith(("-address", ".address", "bind-host", "hostname", "quorum", "clientPortAddress")):
                assert value.split(":")[0] in {"127.0.0.1", "localhost"}, name
