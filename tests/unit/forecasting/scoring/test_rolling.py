"""Scores of single windows, summed up over hours."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.events.records import NetworkId
from shared.forecasting.scoring.rolling import ScoreHistory
from shared.store.model_records import CONFIDENCE_BINS, SPEED_BINS, HorizonScore, ModelScore
from shared.store.rolling_scores import rolling_scores

WINDOW = timedelta(minutes=5)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
KEY = ("ensemble", "1")


def score(number: int, seed: int = 0, revision: int = 1, version: str = "1", horizons: int = 12) -> ModelScore:
    rng = np.random.default_rng([number, seed])
    parts = []
    for ahead in range(1, horizons + 1):
        pairs = rng.integers(0, 20, CONFIDENCE_BINS)
        close = rng.binomial(pairs, 0.7)
        promised = pairs * (np.arange(CONFIDENCE_BINS) + rng.random(CONFIDENCE_BINS)) / CONFIDENCE_BINS
        count = int(pairs.sum())
        parts.append(
            HorizonScore(
                *(5 * ahead, count, count * float(rng.random()), count * 2.0, count * float(rng.normal())),
                *(int(rng.binomial(count, 0.9)), int(close.sum()), float(promised.sum())),
                *(tuple(pairs.tolist()), tuple(close.tolist()), tuple(promised.tolist())),
            )
        )
    counts = tuple(rng.integers(0, 9, SPEED_BINS).tolist())
    return ModelScore(NetworkId("n"), "ensemble", version, START + number * WINDOW, revision, counts, 3, tuple(parts))


def history() -> ScoreHistory:
    return ScoreHistory(WINDOW, rolling=timedelta(hours=1), kept=timedelta(hours=3))


def test_totals_are_what_the_shared_sums_say_of_the_span() -> None:
    scores = [score(number, horizons=12 if number % 3 else 5) for number in range(30)]
    shuffled = random.Random(1).sample(scores, len(scores))
    held = history()
    held.put(shuffled[:17])
    held.put(shuffled[11:])
    mine = held.totals(KEY, scores[-1].timestamp)
    assert mine is not None
    for place, one in enumerate(rolling_scores(scores[-12:])):
        assert mine.pairs[place] == one.pairs
        assert mine.mae_mph[place] == pytest.approx(one.mae_mph)
        assert mine.bias_mph[place] == pytest.approx(one.bias_mph)
        assert mine.coverage[place] == pytest.approx(one.coverage_90)
        assert mine.calibration_error[place] == pytest.approx(one.expected_calibration_error)


def test_the_highest_revision_counts_in_whatever_order_it_comes() -> None:
    one, two = score(0), score(0, seed=9, revision=2)
    for order in ([one, two], [two, one], [two, one, two]):
        held = history()
        held.put(order)
        totals = held.totals(KEY, START)
        assert totals is not None
        assert totals.pairs[0] == two.horizons[0].pairs


def test_nothing_is_nothing() -> None:
    held = history()
    held.put([])
    assert held.totals(KEY, START) is None
    assert held.errors(KEY, START).ends == ()
    held.put([score(0, horizons=0)])
    totals = held.totals(KEY, START)
    assert totals is not None
    assert np.isnan(totals.mae_mph).all()
    assert held.totals(KEY, START + timedelta(days=1)) is None


def test_errors_are_kept_for_longer_and_versions_apart() -> None:
    held = history()
    held.put([score(number) for number in range(20)])
    held.put([score(number, version="2") for number in range(15, 50)])
    assert held.keys == {KEY, ("ensemble", "2")}
    old, new = (held.errors(("ensemble", version), START + 49 * WINDOW) for version in ("1", "2"))
    # Three hours before the newest are all that is left.
    assert old.ends == tuple(START + number * WINDOW for number in range(14, 20))
    assert new.ends == tuple(START + number * WINDOW for number in range(15, 50))
    assert new.pairs.shape == new.absolute_mph.shape == (35, 12)
    assert new.pairs[-1, 3] == score(49).horizons[3].pairs
    held.put([score(60, version="2")])
    assert held.keys == {("ensemble", "2")}


def test_inputs_are_those_of_the_rolling_span() -> None:
    held = history()
    scores = [score(number) for number in range(20)]
    held.put(scores)
    found = held.inputs(START + 19 * WINDOW)
    assert list(found) == [one.timestamp for one in scores[8:]]
    assert all((found[one.timestamp][0] == one.speed_counts).all() for one in scores[8:])
