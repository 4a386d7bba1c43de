"""Ids of any printable characters: in alerts' ids, row keys, folders and headers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.routes.parameters import header_text, location_of
from shared.alerts.lifecycle.changes import alert_id_of
from shared.archive.layout import (
    CARD_FILE,
    RawFile,
    model_path,
    network_prefix,
    parse_model_path,
    parse_raw_path,
    raw_path,
)
from shared.archive.local import LocalArchive
from shared.archive.port import check_path
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId
from shared.store.hbase import rowkeys
from shared.traffic.folder import load_networks

AT = datetime(2012, 5, 2, 15, tzinfo=UTC)
HARD = (
    *("β", "a/b", "../..", "%2F", "a b", "~2", "a~3", "#?&=", "'\"`<b>", "[x]", "ΟΔΟΣ-7", "🚗", "é"),
    *("交通" * 60, "ß" * 200, f"{'x' * 219} {'a' * 18}"),
)
IDS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=200) | st.sampled_from(HARD)
Given = TypeVar("Given", bound=Callable[..., None])


def every_hard_id(test: Given) -> Given:
    """Hypothesis begins with these."""
    for id_ in HARD:
        test = example(id_)(test)
    return test


@every_hard_id
@given(IDS)
def test_a_location_is_a_header_that_leads_back(id_: str) -> None:
    location = location_of("alerts", id_)
    assert location.isascii()
    assert location.count("/") == 3
    assert unquote(location.removeprefix("/api/alerts/")) == id_
    assert header_text(id_.encode().decode("latin-1")) == id_


def test_a_header_that_is_no_utf_8_is_taken_as_it_came() -> None:
    assert header_text("caf\xe9") == "caf\xe9"
    assert header_text(None) is None


@every_hard_id
@given(IDS)
def test_an_archive_has_a_folder_for_it(id_: str) -> None:
    path = raw_path(NetworkId(id_), AT, 3, 4, 5)
    check_path(path)
    assert max(len(part.encode()) for part in path.split("/")) <= 255
    file = parse_raw_path(path)
    assert file is not None
    assert file.path == path
    assert file == RawFile(file.network_id, AT, 3, 4, 5)
    assert network_prefix(file.network_id) == network_prefix(NetworkId(id_))
    models = model_path(NetworkId(id_), "linear_regression", "1", CARD_FILE)
    check_path(models)
    assert parse_model_path(models) == ("linear_regression", "1", CARD_FILE)


@given(st.lists(IDS, min_size=2, max_size=2, unique=True))
def test_two_networks_have_two_folders(ids: list[str]) -> None:
    one, other = map(NetworkId, ids)
    assert network_prefix(one) != network_prefix(other)
    assert model_path(one, "m", "1", CARD_FILE) != model_path(other, "m", "1", CARD_FILE)


@pytest.mark.parametrize("id_", HARD)
def test_files_of_it_are_written_and_found(id_: str, tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    path = raw_path(NetworkId(id_), AT, 3, 4, 5)
    archive.write(path, b"events")
    assert [(found.path, archive.read(found.path)) for found in archive.list(network_prefix(NetworkId(id_)))] == [
        (path, b"events")
    ]


@given(network=IDS, sensor=IDS)
def test_row_keys_tell_their_network(network: str, sensor: str) -> None:
    key = rowkeys.by_sensor(network, sensor, AT, "m")
    assert rowkeys.network_of(key) == network
    assert key.startswith(rowkeys.sensor_prefix(network, sensor))
    by_time = rowkeys.by_time(network, AT, sensor)
    assert by_time < rowkeys.past_network(by_time)


def test_alert_ids_of_two_networks_differ_or_the_networks_are_refused(tmp_path: Path) -> None:
    for network, sensor in (("la", "north-5"), ("la-north", "5"), ("la-south", "5")):
        folder = tmp_path / network
        folder.mkdir()
        (folder / "network.toml").write_text(f'id = "{network}"\ntime_zone = "UTC"\n')
        columns = "sensor_id,name,freeway,direction,postmile,latitude,longitude"
        (folder / "sensors.csv").write_text(f"{columns}\n{sensor},,I-5,N,1,34.0,-118.0\n")
    with pytest.raises(ConfigurationError, match="la and la-north cannot be served together"):
        load_networks([tmp_path / "la", tmp_path / "la-north"])
    both = load_networks([tmp_path / "la", tmp_path / "la-south"])
    made = {
        alert_id_of("congestion", network.network_id, SensorId(sensor.sensor_id), AT)
        for network in both.values()
        for sensor in network.sensors
    }
    assert len(made) == 2
