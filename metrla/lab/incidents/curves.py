"""Detectors against each other: at equal false-alarm rates and at equal detection rates. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrla.lab.incidents.metrics import Score


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a detector does from sensitive to not: `thresholds` and the scores there."""

    name: str
    thresholds: tuple[float, ...]
    scores: tuple[Score, ...]

    def at_false_alarms(self, per_day: float) -> int | None:
        """The level that detects most with no more false alarms per day than this; `None` where none has so few."""
        within = [level for level, score in enumerate(self.scores) if score.false_alarms_per_day <= per_day]
        return max(within, key=self._merit) if within else None

    def at_detection_rate(self, share: float) -> int | None:
        """The level with the fewest false alarms that detects at least this share; `None` where none does."""
        enough = [level for level, score in enumerate(self.scores) if score.detection_rate >= share]
        return min(enough, key=lambda level: self.scores[level].false_alarms_per_day) if enough else None

    def _merit(self, level: int) -> tuple[float, float]:
        return self.scores[level].detection_rate, -self.scores[level].false_alarms_per_day


def operating_level(tuning: Curve, false_alarms_per_day: float) -> int:
    """The level that did best on the tuning days within a budget; the least sensitive one where none keeps to it."""
    level = tuning.at_false_alarms(false_alarms_per_day)
    return len(tuning.scores) - 1 if level is None else level


def equal_false_alarms(curves: Sequence[Curve], per_day: Sequence[float]) -> dict[str, list[float]]:
    """Detection rate of each detector at each number of false alarms per day; 0 where it never has so few."""
    return {
        curve.name: [
            0.0 if (level := curve.at_false_alarms(rate)) is None else curve.scores[level].detection_rate
            for rate in per_day
        ]
        for curve in curves
    }


def equal_detection(curves: Sequence[Curve], shares: Sequence[float]) -> dict[str, list[float | None]]:
    """False alarms per day of each detector at each detection rate; `None` where it never detects so much."""
    return {
        curve.name: [
            None if (level := curve.at_detection_rate(share)) is None else curve.scores[level].false_alarms_per_day
            for share in shares
        ]
        for curve in curves
    }
