"""Drift of inputs and of errors."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.forecasting.models.card import ModelCard
from shared.forecasting.scoring.drift import (
    InputReference,
    describe_inputs,
    input_drift,
    page_hinkley,
    relative_errors,
    stability_index,
    validation_mae_mph,
)
from shared.forecasting.scoring.rolling import Errors
from shared.forecasting.scoring.standing import DriftKind, Drifts
from shared.store.model_records import SPEED_BINS
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from tests.kit.networks import along, network_of

START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday, midnight in Los Angeles
WINDOW = timedelta(minutes=5)
SENSORS = 20


@pytest.fixture(scope="module")
def network() -> Network:
    return network_of(*along("I-5 N", [f"s{place}" for place in range(SENSORS)]), network_id="small")


def traffic(days: int, seed: int = 1, slower: float = 0.0, missing: float = 0.05) -> Floats:
    """Free flow with a morning peak from Monday to Friday, more of it missing at night."""
    rng = np.random.default_rng(seed)
    rows = np.arange(days * 288)
    hours, weekend = rows / 12 % 24, rows // 288 % 7 >= 5
    peak = np.where(weekend, 0.0, 35 * np.exp(-(((hours - 8) / 1.5) ** 2)))
    speed: Floats = np.clip(64 - slower - peak[:, None] + rng.normal(0, 3, (len(rows), SENSORS)), 2, 85)
    speed[rng.random(speed.shape) < np.where(hours < 5, 3 * missing, missing)[:, None]] = np.nan
    return speed


def inputs(speed_mph: Floats, first: int, last: int) -> dict[datetime, tuple[Floats, int]]:
    found = {}
    for row in range(first, last):
        seen = speed_mph[row][~np.isnan(speed_mph[row])]
        counts = np.bincount(np.minimum(seen // 5, SPEED_BINS - 1).astype(int), minlength=SPEED_BINS)
        found[START + (row + 1) * WINDOW] = counts.astype(np.float64), SENSORS - len(seen)
    return found


def reference(network: Network, speed_mph: Floats) -> InputReference:
    card = json.loads(json.dumps({"inputs": describe_inputs(network, START, speed_mph).model_dump()}))
    found = InputReference.of_card(network, ModelCard(card))
    assert found is not None
    return found


@pytest.mark.parametrize("first", [0, 5 * 288, 6 * 12, 150, 13 * 288])
def test_other_days_of_the_same_traffic_do_not_drift_whatever_their_hours(network: Network, first: int) -> None:
    known = reference(network, traffic(14))
    for length in (72, 288):
        drift = input_drift(known, inputs(traffic(15, seed=2), first, first + length))
        assert drift is not None
        assert drift.stability_index < 0.1
        assert drift.missing_share == pytest.approx(drift.missing_share_expected, abs=0.03)


def test_slower_traffic_and_silent_sensors_do(network: Network) -> None:
    known = reference(network, traffic(14))
    slower = input_drift(known, inputs(traffic(2, seed=3, slower=6.0), 0, 288))
    silent = input_drift(known, inputs(traffic(2, seed=3, missing=0.3), 0, 288))
    assert slower is not None
    assert silent is not None
    assert slower.stability_index > 0.25
    assert silent.stability_index < 0.1
    assert silent.missing_share - silent.missing_share_expected > 0.2


def test_nothing_seen_is_no_drift(network: Network) -> None:
    known = reference(network, traffic(14))
    assert input_drift(known, {}) is None
    assert input_drift(known, {START: (np.zeros(SPEED_BINS), SENSORS)}) is None


def test_a_short_history_lends_the_hours_it_has(network: Network) -> None:
    known = reference(network, traffic(1))
    assert known.speed_share.sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert (known.speed_share[24:] == known.speed_share[24]).all()
    assert (known.missing_share < 0.2).all()


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"inputs": None},
        {"inputs": {"speed_bin_mph": 3}},
        {"inputs": {"speed_bin_mph": 5, "speed_share": [1]}},
        {"inputs": {"speed_bin_mph": 5, "speed_share": [[1, 2], [3]], "missing_share": [0]}},
    ],
)
def test_a_card_that_does_not_say_is_no_reference(network: Network, card: dict[str, object]) -> None:
    assert InputReference.of_card(network, ModelCard(card)) is None


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5), st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_the_index_is_zero_for_equals_and_positive_for_others(one: list[int], other: list[int]) -> None:
    before, now = np.array(one, dtype=np.float64) + 1, np.array(other, dtype=np.float64) + 1
    assert stability_index(before, 3 * before) == pytest.approx(0.0, abs=1e-12)
    assert stability_index(before, now) >= 0
    assert stability_index(before, now) == pytest.approx(stability_index(now, before))


def test_the_mae_of_the_card() -> None:
    card = {"results": {"validation": {"15": {"mae": 2.5}, "30": {"mae": None}, "60": {}}}}
    assert validation_mae_mph(ModelCard(card), 15) == 2.5
    assert [validation_mae_mph(ModelCard(card), minutes) for minutes in (5, 30, 60)] == [None] * 3
    assert validation_mae_mph(ModelCard({}), 15) is None
    assert validation_mae_mph(ModelCard({"results": "none"}), 15) is None


def errors(mae_mph: Floats, numbers: list[int]) -> Errors:
    pairs = np.full((len(numbers), 12), 10.0)
    return Errors(tuple(START + number * WINDOW for number in numbers), pairs, pairs * mae_mph[numbers][:, None])


def test_relative_errors_are_rolling_and_know_gaps(network: Network) -> None:
    mae = np.where(np.arange(100) < 50, 2.0, 4.0)
    ratio = relative_errors(errors(mae, list(range(100))), 2, 2.0, network, 20)
    assert np.isnan(ratio[:9]).all()
    assert ratio[9:50] == pytest.approx(1.0)
    assert ratio[59] == pytest.approx(1.5)
    assert ratio[69:] == pytest.approx(2.0)
    gap = relative_errors(errors(mae, [*range(30), *range(60, 100)]), 2, 2.0, network, 20)
    assert len(gap) == 100
    assert np.isnan(gap[40:69]).all()
    assert gap[69:] == pytest.approx(2.0)
    assert len(relative_errors(errors(mae, []), 2, 2.0, network, 20)) == 0


def test_page_hinkley_sums_what_is_beyond_tolerance() -> None:
    assert page_hinkley([], 1.0, 0.25) == 0.0
    assert page_hinkley([1.2] * 1000, 1.0, 0.25) == 0.0
    assert page_hinkley([1.5] * 40, 1.0, 0.25) == pytest.approx(10.0)
    assert page_hinkley([0.5] * 500 + [1.5] * 40, 1.0, 0.25) == pytest.approx(10.0)
    assert page_hinkley([1.5] * 20 + [np.nan] * 5 + [1.5] * 20, 1.0, 0.25) == pytest.approx(10.0)
    assert page_hinkley([1.5] * 40 + [1.0] * 400, 1.0, 0.25) == 0.0


def test_a_drift_is_active_until_it_is_well_over() -> None:
    drifts, subject = Drifts(), (DriftKind.SPEED, "")
    assert drifts.follow({subject: 0.24}) == (set(), set())
    assert drifts.follow({subject: 0.25}) == ({subject}, set())
    assert drifts.follow({subject: 0.21}) == (set(), set())
    assert drifts.follow({subject: 0.3}) == (set(), set())
    assert drifts.follow({subject: 0.19}) == (set(), {subject})
    assert drifts.follow({subject: 0.3}) == ({subject}, set())
    assert drifts.follow({}) == (set(), {subject})
    assert drifts.active == set()
