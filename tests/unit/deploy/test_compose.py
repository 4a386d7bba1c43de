"""docker-compose.yml against the compose specification, the settings classes, the services and the native stack."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import chain
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from pydantic_settings import BaseSettings
from ruamel.yaml import YAML

from metrla.cli.run import Service
from metrla.cli.settings import settings_of
from metrla.local.stack.components import LOOPBACK, Component, Ports, components
from services.alert_detector.settings import AlertDetectorSettings
from services.gateway.settings import GatewaySettings
from services.ingest.settings import IngestSettings
from services.predictor.settings import PredictorSettings
from shared.archive.webhdfs import WebHdfsAddress
from shared.runtime.settings import PlatformSettings
from shared.store.hbase.connections import thrift_address
from shared.store.url import read_url
from tests.kit.places import ROOT

NATIVE = ROOT / "deploy" / "native"
SETTINGS: tuple[type[BaseSettings], ...] = (
    PlatformSettings,
    IngestSettings,
    PredictorSettings,
    AlertDetectorSettings,
    GatewaySettings,
)
DEFAULTED = re.compile(r"\$\{(\w+):-((?:[^{}]|\$\{[^{}]*\})*)\}")

# What is another thing in a container: addresses and folders.
PLACES_HDFS = {
    "dfs.namenode.name.dir",
    "dfs.datanode.data.dir",
    "dfs.namenode.rpc-address",
    "dfs.namenode.rpc-bind-host",
    "dfs.namenode.http-address",
    "dfs.datanode.address",
    "dfs.datanode.ipc.address",
    "dfs.datanode.http.address",
    "dfs.datanode.hostname",
    "fs.defaultFS",
    "hadoop.tmp.dir",
}
PLACES_KAFKA = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
}


def filled(value: str) -> str:
    """A value as compose reads it where no variable is set."""
    while (plain := DEFAULTED.sub(r"\2", value)) != value:
        value = plain
    return value


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    # As compose reads it: YAML 1.2 with merge keys.
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / "docker-compose.yml")
    return loaded


@pytest.fixture(scope="module")
def services(compose: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def image_port(dockerfile: str) -> int:
    ports = {
        int(port) for port in re.findall(r"METRLA_\w+_PORT=(\d+)|EXPOSE (\d+)", dockerfile) for port in port if port
    }
    assert len(ports) == 1
    return ports.pop()


def native(name: str) -> Component:
    return next(one for one in components(Ports(), hbase_on_hdfs=False) if one.name == name)


def pom_version(pom: str, artifact: str) -> str:
    text = (NATIVE / pom).read_text(encoding="utf-8")
    found = re.search(rf"<artifactId>{artifact}</artifactId>\s*<version>([^<]+)</version>", text)
    assert found
    return found[1]


def properties(file: str) -> Iterator[tuple[str, str]]:
    for entry in ET.parse(NATIVE / "conf" / file).getroot().iter("property"):  # noqa: S314 - our own file
        yield entry.findtext("name") or "", entry.findtext("value") or ""


def test_it_is_what_the_specification_allows(compose: Mapping[str, Any]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert "draft-07" in schema["$schema"]
    assert [error.message for error in validator.iter_errors(compose)] == []
    compose_with_fault = {**compose, "services": {"kafka": {"imag": "apache/kafka"}}}
    assert not validator.is_valid(compose_with_fault)


def test_what_it_names_is_there(compose: Mapping[str, Any], services: Mapping[str, Any]) -> None:
    for name, service in services.items():
        for source in (volume.split(":")[0] for volume in service.get("volumes", ())):
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], (name, source)
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).is_file(), name
            assert (ROOT / service["build"].get("args", {}).get("LOCK", "requirements-runtime.lock")).is_file()


def test_what_is_waited_for_can_become_true(services: Mapping[str, Any], dockerfile: str) -> None:
    assert "HEALTHCHECK" in dockerfile
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            awaited = services[other]
            if wait["condition"] == "service_healthy":
                checked = "test" in awaited.get("healthcheck", {})
                assert checked or (awaited["image"] == "metrla" and "healthcheck" not in awaited), (name, other)
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert awaited["restart"] == "no", (name, other)
            profiles = set(awaited.get("profiles", ()))
            assert profiles <= set(service.get("profiles", ())) or wait.get("required") is False, (name, other)


def test_ports_are_published_on_loopback_once(services: Mapping[str, Any], image_port: int) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    on_host = [int(port.split(":")[1]) for port in published]
    assert len(set(on_host)) == len(on_host)
    native_ports = Ports()
    assert {native_ports.kafka, native_ports.namenode_http, native_ports.hbase_thrift} <= set(on_host)
    default = GatewaySettings.model_fields["port"].default
    assert services["gateway"]["ports"] == [f"{LOOPBACK}:{default}:{image_port}"]


def test_each_service_runs_from_the_one_image(services: Mapping[str, Any]) -> None:
    run = {service["command"][1]: service for service in services.values() if service.get("command", [""])[0] == "run"}
    assert set(run) == {str(service) for service in Service}
    assert {(service["image"], service["build"]["dockerfile"]) for service in run.values()} == {
        ("metrla", "deploy/docker/Dockerfile")
    }
    assert all("healthcheck" not in service for service in run.values()), "the image's own asks /live"


def test_every_variable_is_a_setting_with_a_value_it_takes(
    services: Mapping[str, Any], dockerfile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {setting.variable for kind in SETTINGS for setting in settings_of(kind)}
    in_image = dict(re.findall(r"(METRLA_\w+)=(\S+)", dockerfile))
    assert set(in_image) <= known
    for name, service in services.items():
        given = {
            key: filled(value) for key, value in service.get("environment", {}).items() if key.startswith("METRLA_")
        }
        assert set(given) <= known, name
        with monkeypatch.context() as environment:
            for variable, value in {**in_image, **given}.items():
                environment.setenv(variable, value)
            assert [kind() for kind in SETTINGS]


def test_addresses_lead_to_the_servers(services: Mapping[str, Any]) -> None:
    settings = services["ingest"]["environment"]
    listeners = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"PLAINTEXT://{settings['METRLA_KAFKA_BOOTSTRAP_SERVERS']}" in listeners
    assert f"HOST://{LOOPBACK}:{Ports().kafka}" in listeners
    name_node = services["namenode"]["environment"]["HDFS-SITE.XML_dfs.namenode.http-address"].rpartition(":")[2]
    assert WebHdfsAddress.parse(settings["METRLA_ARCHIVE_URL"]).name_nodes == (f"http://namenode:{name_node}",)
    store = read_url(filled(settings["METRLA_STORE_URL"]))
    database = {key: filled(value) for key, value in services["postgres"]["environment"].items()}
    assert store.host == "postgres"
    assert (store.username, store.password, store.database) == tuple(
        database[f"POSTGRES_{name}"] for name in ("USER", "PASSWORD", "DB")
    )
    thrift = thrift_address(read_url("hbase://hbase:9090"))
    assert services["hbase-thrift"]["command"][-1] == f"{thrift.port}"


def test_versions_are_those_of_the_native_stack(services: Mapping[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{pom_version('pom-kafka.xml', 'kafka_2.13')}"
    assert services["namenode"]["image"] == f"apache/hadoop:{pom_version('pom-hdfs.xml', 'hadoop-hdfs')}"
    assert services["datanode"]["image"] == services["namenode"]["image"]
    build = (ROOT / "deploy/docker/hbase.Dockerfile").read_text(encoding="utf-8")
    assert "deploy/native/pom-hbase.xml" in build


def test_hdfs_is_set_as_in_the_native_stack(services: Mapping[str, Any]) -> None:
    for name in ("namenode", "datanode"):
        environment = services[name]["environment"]
        for file in ("core-site.xml", "hdfs-site.xml"):
            prefix = f"{file.upper()}_"
            ours = {key.removeprefix(prefix): value for key, value in environment.items() if key.startswith(prefix)}
            theirs = dict(properties(f"hdfs/{file}"))
            assert ours.keys() == theirs.keys()
            places = PLACES_HDFS & ours.keys()
            assert {**ours, **dict.fromkeys(places)} == {**theirs, **dict.fromkeys(places)}
        assert environment["JDK_JAVA_OPTIONS"] == " ".join(native(name).jvm)


def test_kafka_is_set_as_in_the_native_stack(services: Mapping[str, Any]) -> None:
    lines = (NATIVE / "conf/kafka/server.properties").read_text(encoding="utf-8").splitlines()
    theirs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    environment = {key: value for key, value in services["kafka"]["environment"].items() if key != "KAFKA_HEAP_OPTS"}
    assert set(environment) == {f"KAFKA_{key.replace('.', '_').upper()}" for key in theirs}
    for key, value in theirs.items():
        if key not in PLACES_KAFKA:
            assert environment[f"KAFKA_{key.replace('.', '_').upper()}"] == value, key


def test_hbase_starts_as_in_the_native_stack(services: Mapping[str, Any]) -> None:
    build = (ROOT / "deploy/docker/hbase.Dockerfile").read_text(encoding="utf-8")
    given = set(re.findall(r'"-D(\w+)=', build))
    template = (NATIVE / "conf/hbase/hbase-site.xml").read_text(encoding="utf-8")
    assert given == set(re.findall(r"\$\{(\w+)\}", re.sub(r"<!--.*?-->", "", template)))
    assert f"CMD {json.dumps(list(native('hbase').main))}" in build
    for name, component in (("hbase", native("hbase")), ("hbase-thrift", native("thrift"))):
        options = services[name]["environment"]["JDK_JAVA_OPTIONS"].split()
        assert options[1:] == list(component.jvm), name
    assert services["hbase-thrift"]["command"][:2] == list(native("thrift").main[:2])


def test_the_image_installs_what_is_tested() -> None:
    pinned, tested = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))
        for file in ("requirements-runtime.lock", "requirements.lock")
    )
    assert pinned < tested
    assert not [pin for pin in pinned if pin.split("==")[0] in {"pytest", "mypy", "ruff", "scikit-learn"}]


def test_the_image_is_sent_what_it_copies(dockerfile: str) -> None:
    build = dockerfile + (ROOT / "deploy/docker/hbase.Dockerfile").read_text(encoding="utf-8")
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in build.splitlines() if line.startswith("COPY ") and "--from" not in line]
    for path in chain.from_iterable(copied):
        assert (ROOT / path).exists(), path
        assert re.search(rf"^!{'/'.join(path.split('/')[:2])}/?$", sent, re.MULTILINE), path
