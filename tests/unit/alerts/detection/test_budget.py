"""A network holds its budget of alarms by itself, whatever its evidence is like."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.detection.budget import RUNGS, AlarmBudget, Grade, Spending
from shared.traffic.arrays import Floats
from shared.traffic.roadway import Roadway, roadway
from tests.kit.networks import along, network_of

DAY = timedelta(days=1)


def apart(sensors: int, minutes: int = 60) -> Roadway:
    """Sensors too far from each other to see the same."""
    network = network_of(*along("I-5 N", [f"s{number}" for number in range(sensors)], miles=5.0))
    return roadway(replace(network, window=timedelta(minutes=minutes), reading_interval=timedelta(minutes=minutes)))


def lived(
    budget: AlarmBudget, days: int, evidence: Callable[[np.random.Generator], Floats], seed: int = 1
) -> tuple[Floats, Spending]:
    """Alarms of each grade per 100 sensor-days in the second half of so many days, and what is known then."""
    chance, spending = np.random.default_rng(seed), Spending.nothing(len(budget.road.sensors))
    windows = days * (DAY // budget.road.network.window)
    raised = np.zeros(len(Grade))
    for number in range(windows):
        thresholds, score = budget.thresholds(spending), evidence(chance)
        # A count that fades by itself tells what this window added.
        before = replace(spending, raised=np.zeros(len(Grade)))
        spending = replace(
            after := budget.spent(before, score, thresholds),
            raised=after.raised + spending.raised,
        )
        raised += after.raised * (number >= windows // 2)
    return 100 * raised / (len(budget.road.sensors) * days / 2), spending


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("wanted", [2.0, 5.0, 12.0])
def test_alarms_keep_to_the_budget_whatever_the_unit_of_evidence(scale: float, wanted: float) -> None:
    budget = AlarmBudget(apart(40), wanted)
    rates, _ = lived(budget, 120, lambda chance: scale * chance.pareto(3.0, 40))
    for grade in Grade:
        assert budget.budget(grade) / 1.5 <= rates[grade] <= 1.5 * budget.budget(grade)


@pytest.mark.parametrize("shape", ["lognormal", "exponential"])
def test_alarms_keep_to_the_budget_whatever_the_tail(shape: str) -> None:
    budget = AlarmBudget(apart(40))
    draws: dict[str, Callable[[np.random.Generator], Floats]] = {
        "lognormal": lambda chance: chance.lognormal(0.0, 1.0, 40),
        "exponential": lambda chance: chance.exponential(1.5, 40),
    }
    rates, _ = lived(budget, 120, draws[shape])
    for grade in Grade:
        assert budget.budget(grade) / 1.5 <= rates[grade] <= 1.5 * budget.budget(grade)


def test_a_change_of_traffic_is_paid_back() -> None:
    budget, days = AlarmBudget(apart(40)), 0
    changes = iter(range(10**9))

    def worse(chance: np.random.Generator) -> Floats:
        return (1.0 if next(changes) < 30 * 24 else 3.0) * chance.pareto(3.0, 40)

    days = 60
    rates, _ = lived(budget, days, worse)
    assert rates[Grade.SUSPECTED] <= 1.5 * budget.budget(Grade.SUSPECTED)


def test_on_the_first_day_what_other_networks_told_holds() -> None:
    budget = AlarmBudget(apart(4))
    suspected, probable = budget.thresholds(Spending.nothing(4))
    assert 5 < suspected < 9 < probable < 20


def test_no_budget_raises_nothing() -> None:
    assert np.isinf(AlarmBudget(apart(4), 0.0).thresholds(Spending.nothing(4))).all()


def test_an_alarm_makes_the_next_one_harder_and_quiet_days_easier() -> None:
    budget, nothing = AlarmBudget(apart(2)), Spending.nothing(2)
    before = budget.thresholds(nothing)
    after = budget.spent(nothing, np.array([50.0, 0.0]), before)
    assert (budget.thresholds(after) > before).all()
    quiet = nothing
    for _ in range(24 * 30):
        quiet = budget.spent(quiet, np.zeros(2), budget.thresholds(quiet))
    assert (budget.thresholds(quiet) < before).all()


def test_what_sensors_side_by_side_see_is_one_alarm() -> None:
    network = network_of(*along("I-5 N", ["a", "b", "c"], miles=1.0))
    budget = AlarmBudget(roadway(network))
    spending = Spending.nothing(3)
    thresholds = budget.thresholds(spending)
    for score in ([0.0, 20.0, 0.0], [0.0, 25.0, 24.0], [22.0, 21.0, 24.0]):
        spending = budget.spent(spending, np.array(score), thresholds)
    assert spending.raised == pytest.approx(1, abs=0.01)
    assert not budget.may_begin(spending, 20.0).any()
    assert budget.may_begin(spending, 26.0).all()


@pytest.mark.parametrize("minutes", [1, 5, 10, 15, 30, 60])
def test_one_cause_is_over_after_half_an_hour_of_quiet_in_windows_of_any_length(minutes: int) -> None:
    budget = AlarmBudget(apart(1, minutes))
    spending = budget.spent(Spending.nothing(1), np.array([20.0]), np.array([5.0, 10.0]))
    windows = 0
    while spending.peak.any():
        spending = budget.spent(spending, np.array([0.1]), np.array([5.0, 10.0]))
        windows += 1
    assert windows * minutes == max(30, minutes)


def test_silence_ends_no_cause_and_costs_no_days() -> None:
    budget = AlarmBudget(apart(2))
    spending = budget.spent(Spending.nothing(2), np.array([20.0, 1.0]), np.array([5.0, 10.0]))
    after = spending
    for _ in range(10):
        after = budget.spent(after, np.full(2, np.nan), np.array([5.0, 10.0]))
    assert after.peak[0] == spending.peak[0]
    assert after.sensor_days == pytest.approx(spending.sensor_days, rel=0.05)


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.lists(st.floats(0, 300) | st.just(float("nan")), min_size=3, max_size=3), max_size=30))
def test_rates_fall_and_thresholds_rise_whatever_comes(scores: list[list[float]]) -> None:
    budget, spending = AlarmBudget(apart(3)), Spending.nothing(3)
    for score in scores:
        spending = budget.spent(spending, np.array(score), budget.thresholds(spending))
        assert (np.diff(spending.rates) < 0).all()
        suspected, probable = budget.thresholds(spending)
        assert 0 < suspected <= probable
        assert spending.rate_of(float(RUNGS[-1])) <= spending.rate_of(1.0)


def test_stronger_evidence_is_rarer() -> None:
    nothing = Spending.nothing(1)
    assert nothing.rate_of(4.0) > nothing.rate_of(8.0) > nothing.rate_of(16.0) > 0
    assert nothing.raised_per_100_sensor_days(Grade.SUSPECTED) is None
