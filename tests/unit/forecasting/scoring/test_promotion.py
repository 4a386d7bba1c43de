"""When a challenger becomes champion by the rule."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.forecasting.scoring.promotion import PromotionRule, horizons_at
from shared.forecasting.scoring.rolling import Errors

WINDOW = timedelta(minutes=5)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NOW = START + timedelta(hours=24)
TIME = timedelta(hours=24)
RULE = PromotionRule(WINDOW, TIME, (2, 5, 11), 0.02)
OLD, NEW, THIRD = ("linear_regression", "1"), ("xgboost", "1"), ("ensemble", "7")


def errors(mae_mph: float | list[float], windows: range = range(1, 289), pairs: float = 100.0) -> Errors:
    counts = np.full((len(windows), 12), pairs)
    mae = np.broadcast_to(np.array(mae_mph), (12,))
    return Errors(tuple(START + number * WINDOW for number in windows), counts, counts * mae)


def test_the_places_of_a_quarter_half_and_whole_hour() -> None:
    assert horizons_at(WINDOW) == (2, 5, 11)
    assert horizons_at(timedelta(minutes=15)) == (0, 1, 3)
    assert horizons_at(timedelta(minutes=10)) == (2, 5)
    assert horizons_at(timedelta(minutes=7)) == tuple(range(12))


def test_a_better_challenger_is_promoted_and_the_reason_said() -> None:
    found = RULE.decide(OLD, {OLD: errors(3.0), NEW: errors(2.85)}, NOW, None)
    assert found is not None
    assert found.model == NEW
    assert found.reason == "MAE lower than that of linear_regression 1 by 5.0%, 5.0%, 5.0% over 24 h"


def test_of_two_the_one_that_gains_most_where_it_gains_least() -> None:
    uneven = errors([1.0] * 11 + [2.9])
    found = RULE.decide(OLD, {OLD: errors(3.0), NEW: uneven, THIRD: errors(2.8)}, NOW, None)
    assert found is not None
    assert found.model == THIRD


@pytest.mark.parametrize(
    "challenger",
    [
        errors(2.95),
        errors(3.1),
        errors([1.0] * 11 + [3.1]),
        errors([3.1] * 3 + [1.0] * 9),
        errors(2.0, range(1, 100)),
        errors(2.0, pairs=90.0),
        errors(2.0, pairs=0.0),
        errors(2.0, range(-400, -100)),
    ],
    ids=["within the margin", "worse", "worse at 60", "worse at 15", "too short", "too few", "none", "too old"],
)
def test_others_are_not(challenger: Errors) -> None:
    assert RULE.decide(OLD, {OLD: errors(3.0), NEW: challenger}, NOW, None) is None


def test_only_windows_that_both_were_scored_in_are_compared() -> None:
    hard = errors(3.0)
    hard.absolute_mph[:100] *= 10
    assert RULE.decide(OLD, {OLD: hard, NEW: errors(2.99, range(101, 289))}, NOW, None) is None


def test_nobody_follows_within_the_time() -> None:
    both = {OLD: errors(3.0), NEW: errors(2.0)}
    assert RULE.decide(OLD, both, NOW, NOW - TIME + WINDOW) is None
    assert RULE.decide(OLD, both, NOW, NOW) is None
    assert RULE.decide(OLD, both, NOW, NOW - TIME) is not None
    # By the wall clock, while an older recording is replayed.
    assert RULE.decide(OLD, both, NOW, NOW + timedelta(days=1000)) is not None


def test_a_champion_without_scores_is_not_judged() -> None:
    assert RULE.decide(OLD, {NEW: errors(2.0)}, NOW, None) is None
    assert RULE.decide(OLD, {OLD: errors(3.0, range(0)), NEW: errors(2.0)}, NOW, None) is None
