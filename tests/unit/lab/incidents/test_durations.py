"""Durations that are judged: what is known is learned from, what is not known yet is not."""

import numpy as np
import pytest

from metrla.lab.incidents.durations import Spell, judge_durations, kind_of

DAY = 1440.0


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("1179-Trfc Collision-1141 Enrt", "injury"),
        ("1183-Trfc Collision-Unkn Inj", "collision"),
        ("1125-Traffic Hazard", "other"),
        ("", "other"),
    ],
)
def test_kinds(words: str, kind: str) -> None:
    assert kind_of(words) == kind


def test_places_that_differ_are_told_apart_and_intervals_cover() -> None:
    rng = np.random.default_rng(1)
    spells = [
        Spell(start, float(rng.lognormal(np.log(20 if number % 2 else 120), 0.5)), "all", str(number % 2))
        for number, start in enumerate(np.arange(0, 40 * DAY, 60.0))
    ]
    report = judge_durations(spells, 20 * DAY)
    assert report is not None
    fresh, aged = report.figures
    assert fresh.median_absolute_error < 0.8 * fresh.naive_median_absolute_error
    assert aged.count < fresh.count
    assert all(0.85 <= one.coverage <= 0.98 for one in report.figures)


def test_too_few_are_not_judged() -> None:
    assert judge_durations([Spell(60.0 * number, 5.0, "all", "") for number in range(12)], 600.0) is None
