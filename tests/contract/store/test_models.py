"""What every store promises about scores of models and about what serves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.errors import StoreError
from shared.events.records import NetworkId
from shared.store.model_records import (
    CONFIDENCE_BINS,
    SPEED_BINS,
    HorizonScore,
    ModelRole,
    ModelScore,
    ServedModel,
)
from shared.store.port import Store

STEP = timedelta(minutes=5)
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
# The store is shared by all examples, each of which uses a network of its own.
SHARED_STORE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def horizon(minutes: int, pairs: int) -> HorizonScore:
    return HorizonScore(
        horizon_minutes=minutes,
        pairs=pairs,
        absolute_error_sum_mph=pairs / 3,
        squared_error_sum_mph2=pairs / 7,
        error_sum_mph=-pairs / 11,
        covered=pairs - 1,
        close=pairs - 2,
        confidence_sum=0.1 * pairs,
        confidence_pairs=(pairs, *[0] * (CONFIDENCE_BINS - 1)),
        confidence_close=(pairs - 2, *[0] * (CONFIDENCE_BINS - 1)),
        confidence_sums=(0.1 * pairs, *[0.0] * (CONFIDENCE_BINS - 1)),
        scaled_histogram=tuple(range(20)),
    )


def score(
    network: NetworkId, step: int = 0, model: str = "xgboost", version: str = "1", revision: int = 1, horizons: int = 3
) -> ModelScore:
    return ModelScore(
        network_id=network,
        model_name=model,
        model_version=version,
        timestamp=START + step * STEP,
        revision=revision,
        speed_counts=tuple(range(SPEED_BINS)),
        missing=7,
        horizons=tuple(horizon(5 * number, 100 + revision) for number in range(1, 1 + horizons)),
    )


def served(network: NetworkId, model: str = "xgboost", version: str = "1", seconds: int = 0) -> ServedModel:
    card = {"results": {"test": {"15": {"mae": 2.5}}}, "seconds": seconds, "none": None, "list": [1, "zwei"]}
    since = START + timedelta(seconds=seconds, milliseconds=1)
    return ServedModel(network, model, version, ModelRole.CHAMPION, since, card)


def identities(found: list[ModelScore]) -> list[tuple[int, str, str]]:
    return [(int((one.timestamp - START) / STEP), one.model_name, one.model_version) for one in found]


def test_a_score_is_read_as_it_was_put(store: Store, network: NetworkId) -> None:
    put = [score(network, 2), score(network, 1, horizons=0), score(network, 0, horizons=12)]
    bare = replace(put[0].horizons[0], confidence_pairs=(), confidence_close=(), confidence_sums=())
    put.append(replace(score(network, -1), horizons=(bare,)))
    store.put_model_scores(put)
    found = list(store.model_scores(network))
    assert found == put
    assert all(one.timestamp.tzinfo is UTC for one in found)


def test_nothing_put_is_no_error(store: Store) -> None:
    store.put_model_scores([])
    store.put_served_models([])


def test_scores_are_newest_first_then_by_model_and_version(store: Store, network: NetworkId) -> None:
    everything = [(step, model, version) for step in (2, 1, 0) for model in ("a", "b") for version in ("1", "2")]
    store.put_model_scores([score(network, *identity) for identity in everything[::-1]])
    assert identities(list(store.model_scores(network))) == everything
    assert identities(list(store.model_scores(network, limit=5))) == everything[:5]
    of_model = [(step, model, version) for step, model, version in everything if model == "b"]
    assert identities(list(store.model_scores(network, "b"))) == of_model
    assert identities(list(store.model_scores(network, "b", limit=3))) == of_model[:3]
    assert list(store.model_scores(network, "none")) == []


def test_a_range_includes_its_start_and_not_its_end(store: Store, network: NetworkId) -> None:
    store.put_model_scores([score(network, step, model) for step in range(4) for model in ("a", "b")])
    for model in (None, "a"):
        found = store.model_scores(network, model, start=START + STEP, end=START + 3 * STEP)
        assert {step for step, *_ in identities(list(found))} == {2, 1}


def test_a_model_is_found_in_all_networks(store: Store, new_network: Callable[[], NetworkId]) -> None:
    networks = sorted(new_network() for _ in range(2))
    model = f"model of {networks[0]}"
    store.put_model_scores([score(network, step, model) for network in networks for step in range(2)])
    found = [(one.network_id, one.timestamp) for one in store.model_scores(model_name=model)]
    assert found == [(network, START + step * STEP) for step in (1, 0) for network in networks]


@given(
    puts=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("12"), st.integers(1, 5)), max_size=20),
    cut=st.integers(0, 20),
)
@SHARED_STORE
def test_the_highest_revision_of_a_score_wins_in_any_order(
    store: Store, new_network: Callable[[], NetworkId], puts: list[tuple[str, str, int]], cut: int
) -> None:
    network = new_network()
    highest: dict[tuple[str, str], int] = {}
    for model, version, revision in puts:
        highest[model, version] = max(revision, highest.get((model, version), 0))
    for batch in (puts[:cut], puts[cut:], puts[cut:]):
        store.put_model_scores([score(network, 0, *identity) for identity in batch])
    assert list(store.model_scores(network)) == [
        score(network, 0, *key, revision) for key, revision in sorted(highest.items())
    ]


def test_a_served_model_is_read_as_it_was_put(store: Store, network: NetworkId) -> None:
    put = [
        replace(served(network, "a"), role=ModelRole.MEMBER),
        served(network, "b", "1"),
        replace(served(network, "b", "2"), role=ModelRole.REFUSED, card={}, reason="model.onnx is damaged"),
    ]
    store.put_served_models(put[::-1])
    found = list(store.served_models(network))
    assert found == put
    assert all(one.since.tzinfo is UTC and isinstance(one.role, ModelRole) for one in found)


def test_what_serves_is_found_in_all_networks(store: Store, new_network: Callable[[], NetworkId]) -> None:
    put = [served(network) for network in sorted(new_network() for _ in range(3))]
    store.put_served_models(put)
    found = [one for one in store.served_models() if one.network_id in {each.network_id for each in put}]
    assert found == put


@given(seconds=st.lists(st.integers(0, 100_000), min_size=1, max_size=8))
@SHARED_STORE
def test_the_latest_role_wins_in_any_order(
    store: Store, new_network: Callable[[], NetworkId], seconds: list[int]
) -> None:
    network = new_network()
    for after in seconds:
        store.put_served_models([served(network, seconds=after)])
    assert list(store.served_models(network)) == [served(network, seconds=max(seconds))]


def test_a_time_without_a_zone_is_refused(store: Store, network: NetworkId) -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(StoreError):
        store.put_model_scores([replace(score(network), timestamp=naive)])
    with pytest.raises(StoreError):
        list(store.model_scores(network, start=naive))
