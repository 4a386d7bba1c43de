import dataclasses
import socket
from pathlib import Path

import pytest

from metrla.local.stack.components import Ports
from metrla.local.stack.shape import (
    ADDRESSES,
    DEFAULT_RUN,
    FILE,
    StackShape,
    free_ports,
    is_free,
    read_shape,
    write_shape,
)
from shared.events.errors import ConfigurationError


def test_the_default_folder_is_where_earlier_versions_left_their_data() -> None:
    assert Path(".metrla/stack") == DEFAULT_RUN


def test_a_new_folder_has_the_usual_shape(tmp_path: Path) -> None:
    assert read_shape(tmp_path / "absent") == StackShape(Ports(), hbase_on_hdfs=False)


def test_a_stack_keeps_its_shape(tmp_path: Path) -> None:
    shape = StackShape(free_ports(), hbase_on_hdfs=True)
    write_shape(tmp_path / "run", shape)
    assert read_shape(tmp_path / "run") == shape


def test_a_shell_can_source_the_addresses(tmp_path: Path) -> None:
    write_shape(tmp_path, StackShape(Ports(kafka=1, namenode_http=2, hbase_thrift=3)))
    assert (tmp_path / ADDRESSES).read_text(encoding="utf-8").splitlines() == [
        "METRLA_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1",
        "METRLA_ARCHIVE_URL=webhdfs://127.0.0.1:2/",
        "METRLA_STORE_URL=hbase://127.0.0.1:3",
    ]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"ports": {"telnet": 23}, "hbase_on_hdfs": false}'])
def test_a_damaged_folder_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=FILE):
        read_shape(tmp_path)


def test_free_ports_are_free_and_distinct() -> None:
    ports = dataclasses.astuple(free_ports())
    assert len(set(ports)) == len(ports)
    assert all(is_free(port) for port in ports)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])
