"""The usual speeds that a network's newest historical average holds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shared.archive.layout import CARD_FILE, MODEL_FILE, model_path
from shared.archive.local import LocalArchive
from shared.events.model_names import HISTORICAL_AVERAGE
from shared.events.records import SensorId
from shared.forecasting.models.artefact import PROFILE, Artefact, pack
from shared.forecasting.registry.profile import latest_profile
from shared.forecasting.registry.registry import save
from tests.kit.networks import UTC_ZONE, along, network_of

NETWORK = network_of(*along("I-1 N", "abc"), network_id="line", time_zone=UTC_ZONE)


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path)


def put(archive: LocalArchive, version: str, sensors: str, speeds: list[float], name: str = PROFILE) -> Artefact:
    profile = np.tile(np.array(speeds, np.float16), (2 * 288, 1))
    made_for = replace(NETWORK, sensors=tuple(replace(NETWORK.sensors[0], sensor_id=SensorId(one)) for one in sensors))
    artefact = pack(HISTORICAL_AVERAGE, version, made_for, {name: profile})
    save(archive, NETWORK.network_id, HISTORICAL_AVERAGE, version, artefact)
    return artefact


def test_there_may_be_none(archive: LocalArchive) -> None:
    assert latest_profile(archive, NETWORK) is None


def test_the_newest_counts_in_the_order_of_the_network(archive: LocalArchive) -> None:
    put(archive, "1", "abc", [1.0, 2.0, 3.0])
    put(archive, "2", "cxa", [60.0, 50.0, 40.0])
    profile = latest_profile(archive, NETWORK)
    assert profile is not None
    assert profile.shape == (2 * 288, 3)
    assert np.array_equal(profile[0], [40.0, np.nan, 60.0], equal_nan=True)


def test_one_that_is_not_whole_is_passed_over(archive: LocalArchive) -> None:
    put(archive, "1", "abc", [1.0, 2.0, 3.0])
    put(archive, "2", "abc", [1.0, 2.0])
    put(archive, "3", "abc", [1.0, 2.0, 3.0], name="weights")
    artefact = put(archive, "6", "abc", [70.0, 70.0, 70.0])
    flipped = bytearray(artefact.files[MODEL_FILE])
    flipped[-1] ^= 1
    archive.write(model_path(NETWORK.network_id, HISTORICAL_AVERAGE, "6", MODEL_FILE), bytes(flipped))
    archive.write(model_path(NETWORK.network_id, HISTORICAL_AVERAGE, "4", CARD_FILE), b"{}")
    archive.write(model_path(NETWORK.network_id, HISTORICAL_AVERAGE, "4", MODEL_FILE), b"")
    archive.write(model_path(NETWORK.network_id, HISTORICAL_AVERAGE, "5", CARD_FILE), b"no card")
    archive.write(model_path(NETWORK.network_id, HISTORICAL_AVERAGE, "5", MODEL_FILE), b"no model")
    profile = latest_profile(archive, NETWORK)
    assert profile is not None
    assert profile[0].tolist() == [1.0, 2.0, 3.0]
