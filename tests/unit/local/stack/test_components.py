import dataclasses
from collections.abc import Sequence

import pytest

from metrla.local.stack.components import Component, Ports, components

KINDS = pytest.mark.parametrize("servers", [components(Ports(), hbase_on_hdfs=kind) for kind in (False, True)])


@KINDS
def test_each_server_comes_after_those_that_it_uses(servers: Sequence[Component]) -> None:
    before: set[str] = set()
    for component in servers:
        assert before.issuperset(component.uses)
        assert component.name not in before
        before.add(component.name)


@KINDS
def test_processes_are_told_apart_by_their_main_class(servers: Sequence[Component]) -> None:
    assert len({server.main_class for server in servers}) == len(servers)


@KINDS
def test_no_two_servers_share_a_port_and_all_have_a_sign_of_readiness(servers: Sequence[Component]) -> None:
    ports = [server.port for server in servers]
    assert len(set(ports)) == len(ports)
    assert all(server.port or server.log_says or server.http_says for server in servers)


def test_ports_are_distinct_and_reach_the_servers() -> None:
    defaults = dataclasses.astuple(Ports())
    assert len(set(defaults)) == len(defaults)
    moved = {server.name: server for server in components(Ports(kafka=1, hbase_thrift=2), hbase_on_hdfs=False)}
    assert moved["kafka"].port == 1
    assert moved["thrift"].port == 2
    assert "2" in moved["thrift"].main


def test_hbase_on_hdfs_needs_its_data_node() -> None:
    by_name: dict[str, Component] = {each.name: each for each in components(Ports(), hbase_on_hdfs=True)}
    assert "datanode" in by_name["hbase-region-server"].uses
    assert set(by_name["thrift"].uses) == {"hbase-master", "hbase-region-server"}
