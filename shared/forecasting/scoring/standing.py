"""How a network's models and inputs do by live scores: which figures are current, which drifts begin and end. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE
from shared.forecasting.models.historical_average import FROM_STREAM
from shared.forecasting.registry.loading import Key
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.drift import InputDrift
from shared.forecasting.scoring.rolling import Totals
from shared.forecasting.scoring.scoreboard import Scoreboard


class DriftKind(StrEnum):
    """What drifts: how fast sensors are, how many of them deliver, or how wrong a model is."""

    SPEED = "speed"
    MISSING = "missing"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A drift begins at `begin` and ends below `end`."""

    begin: float
    end: float


THRESHOLDS: Mapping[DriftKind, Threshold] = {
    # Above 0.25 the population is another one (Siddiqi). METR-LA stays below 0.14; 5 mph of noise give 0.5.
    DriftKind.SPEED: Threshold(0.25, 0.2),
    # Of all sensors, beyond the share that is usual.
    DriftKind.MISSING: Threshold(0.2, 0.1),
    # Three hours at twice the tolerated error, or a day an eighth above it. The last value's, on METR-LA, goes to 31.
    DriftKind.ERROR: Threshold(36.0, 18.0),
}

Subject = tuple[DriftKind, str]
"""What drifts, and the model whose error it is, else nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """The figures of one network at `until`; a model is in `totals` and `errors` where there is enough to say."""

    until: datetime
    totals: Mapping[str, Totals]
    inputs: InputDrift | None
    errors: Mapping[str, float]

    @property
    def levels(self) -> Mapping[Subject, float]:
        """What drifts are judged by."""
        found = {(DriftKind.ERROR, model): level for model, level in self.errors.items()}
        if self.inputs is not None:
            beyond_usual = self.inputs.missing_share - self.inputs.missing_share_expected
            found[DriftKind.SPEED, ""] = self.inputs.stability_index
            found[DriftKind.MISSING, ""] = beyond_usual
        return found


def standing_of(board: Scoreboard, serving: Serving, until: datetime, horizons: Iterable[int]) -> Standing:
    """The figures of the versions that serve, by model name; of the stream's average where no trained one does."""
    keys: dict[str, Key] = {HISTORICAL_AVERAGE: (HISTORICAL_AVERAGE, FROM_STREAM)}
    keys |= {served.model.name: served.key for served in serving.ranked}
    totals = {name: board.totals(key, until) for name, key in keys.items()}
    errors = {served.model.name: board.error_drift(served, until, horizons) for served in serving.ranked}
    return Standing(
        until=until,
        totals={name: one for name, one in totals.items() if one is not None},
        inputs=None if serving.champion is None else board.input_drift(serving.champion, until),
        errors={name: level for name, level in errors.items() if level is not None and np.isfinite(level)},
    )


@dataclass
class Drifts:
    """The active drifts of one network: begun and not ended."""

    active: set[Subject] = field(default_factory=set)

    def follow(self, levels: Mapping[Subject, float]) -> tuple[set[Subject], set[Subject]]:
        """Those that begin and those that end by these levels; one of which nothing is known any more ends."""
        begun = {
            subject
            for subject, level in levels.items()
            if subject not in self.active and level >= THRESHOLDS[subject[0]].begin
        }
        ended = {
            subject for subject in self.active if subject not in levels or levels[subject] < THRESHOLDS[subject[0]].end
        }
        self.active = (self.active | begun) - ended
        return begun, ended
