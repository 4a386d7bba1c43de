"""What serves, told to the store and the metrics."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.predictor.role_keeper import RoleKeeper
from shared.archive.local import LocalArchive
from shared.events.errors import StoreError
from shared.events.records import NetworkId
from shared.forecasting.calibration.spread import Uncertainty
from shared.forecasting.models.card import ModelCard
from shared.forecasting.models.historical_average import HistoricalAverage
from shared.forecasting.registry.loading import Served
from shared.forecasting.registry.registry import Registry
from shared.forecasting.registry.roster import changes, roster
from shared.forecasting.registry.serving import Refused, Serving
from shared.runtime.metrics import PredictorMetrics
from shared.store.deferred import DeferredStore
from shared.store.model_records import ModelRole
from shared.store.port import Store
from shared.store.url import open_store
from shared.traffic.network import Network

NOW = datetime(2026, 3, 2, 8, 0, 0, 123_456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
KEPT = NOW.replace(microsecond=123_000)
N = NetworkId("n")


def served(name: str, version: str = "1", card: Mapping[str, Any] | None = None) -> Served:
    model = HistoricalAverage(version, np.zeros((1, 1)), name)
    return Served(
        model, Uncertainty.__new__(Uncertainty), np.ones(1, dtype=np.bool_), ModelCard(card or {"what": name})
    )


def serving(*ranked: Served, members: tuple[Served, ...] = (), refused: tuple[Refused, ...] = ()) -> Serving:
    return Serving(ranked, {one.key: one for one in (*ranked, *members)}, None, refused)


def test_the_first_is_champion_the_next_challenge_and_others_are_members() -> None:
    card = {"what": "all", "sensors": ["a"], "inputs": {"missing_share": []}}
    refused = (Refused("neural_network", "2", "damaged"),)
    current = serving(
        served("ensemble", card=card), served("xgboost"), members=(served("xgboost", "0"),), refused=refused
    )
    found = roster(N, current, NOW)
    assert {(one.model_name, one.model_version): (one.role, one.reason) for one in found} == {
        ("ensemble", "1"): (ModelRole.CHAMPION, None),
        ("xgboost", "1"): (ModelRole.CHALLENGER, None),
        ("xgboost", "0"): (ModelRole.MEMBER, None),
        ("neural_network", "2"): (ModelRole.REFUSED, "damaged"),
    }
    assert {one.since for one in found} == {KEPT}
    assert found[0].card == {"what": "all"}
    assert roster(N, Serving(), NOW) == []


def test_only_what_is_new_is_stored_and_what_serves_no_more_retires() -> None:
    first = roster(N, serving(served("a"), served("b"), refused=(Refused("c", "1", "damaged"),)), NOW)
    assert changes([], first, NOW) == first
    assert changes(first, first, LATER) == []
    second = roster(N, serving(served("b"), served("d")), LATER)
    found = {one.model_name: one for one in changes(first, second, LATER)}
    assert {name: one.role for name, one in found.items()} == {
        "a": ModelRole.RETIRED,
        "b": ModelRole.CHAMPION,
        "d": ModelRole.CHALLENGER,
    }
    assert found["a"].card == {"what": "a"}
    assert all(one.since > KEPT for one in found.values())
    back = changes([replace(found["a"], card={}), found["b"]], roster(N, serving(served("a")), LATER), LATER)
    assert {one.model_name: one.role for one in back} == {"a": ModelRole.CHAMPION, "b": ModelRole.RETIRED}


@pytest.fixture
def networks(network: Network) -> Mapping[NetworkId, Network]:
    return {network.network_id: network}


def test_the_store_is_told_once_and_again_after_it_was_away(
    tmp_path: Path, network: Network, networks: Mapping[NetworkId, Network]
) -> None:
    away, opened = True, open_store(f"sqlite:///{tmp_path / 'store'}")

    def open_now() -> Store:
        if away:
            raise StoreError("away")
        return opened

    registry = Registry(LocalArchive(tmp_path / "archive"), networks)
    exposed = CollectorRegistry()
    times = iter([NOW + timedelta(minutes=count) for count in range(20)])
    keeper = RoleKeeper(registry, DeferredStore(open_now), PredictorMetrics(exposed), lambda: next(times))
    current = serving(served("a"), served("b"), refused=(Refused("c", "1", "damaged"),))
    registry.refresh = lambda: None  # type: ignore[method-assign]  # the archive is no part of this
    registry.serving = lambda network_id: current  # type: ignore[method-assign]  # noqa: ARG005 - likewise
    keeper.refresh()
    assert not list(opened.served_models())
    away = False
    keeper.refresh()
    stored = list(opened.served_models(network.network_id))
    assert {one.model_name: one.role.value for one in stored} == {"a": "champion", "b": "challenger", "c": "refused"}
    current = serving(served("a"), served("b"), refused=current.refused)
    keeper.refresh()
    assert list(opened.served_models(network.network_id)) == stored
    current = serving(served("b", "2"), refused=current.refused)
    keeper.refresh()
    roles = {(one.model_name, one.model_version): one.role.value for one in opened.served_models()}
    assert roles == {("a", "1"): "retired", ("b", "1"): "retired", ("b", "2"): "champion", ("c", "1"): "refused"}

    def sample(name: str, **labels: str) -> float | None:
        return exposed.get_sample_value(f"metrla_predictor_model_{name}", {"network": network.network_id, **labels})

    assert sample("loads_total", model="a") == 1
    assert sample("loads_total", model="b") == 2
    assert sample("refusals_total", model="c") == 1
    assert sample("info", model="b", version="2", role="champion") == 1
    assert sample("info", model="a", version="1", role="champion") is None
    opened.close()
