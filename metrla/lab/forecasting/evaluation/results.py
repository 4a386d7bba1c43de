"""The figures of an evaluation as JSON: what `metrla evaluate --json` writes and the report is drawn from. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np

from metrla.lab.forecasting.evaluation.regimes import Regime
from metrla.lab.forecasting.evaluation.tally import (
    BEGUN,
    BEGUN_WARNED,
    BINS,
    BRIER,
    CLOSE,
    CONFIDENCE,
    COVERED,
    COVERED_OFFLINE,
    PAIRS,
    PINBALL,
    SIGNED,
    SLOW,
    WARNED,
    WARNED_IN_VAIN,
    WIDTH,
    Tally,
    calibration_error,
    errors,
    share,
)
from shared.forecasting.inputs.history import HORIZONS
from shared.traffic.arrays import Floats, ratio
from shared.traffic.calendar import HOURS
from shared.traffic.network import Network

Json: TypeAlias = dict[str, Any]

SHOWN_STEPS = (3, 6, 12)
"""The horizons that the literature reports, in windows ahead."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The sums of the models and baselines of one network, by name; `serving` is whose answer the network gives."""

    network: Network
    tallies: Mapping[str, Tally]
    serving: str

    @property
    def with_intervals(self) -> Sequence[str]:
        """The models that say how sure they are."""
        return [name for name, tally in self.tallies.items() if tally.bins[0].sum()]

    def figures(self, part: str) -> Json:
        """Everything that is told of the undisturbed input; the errors stand under `part`: 'test' or 'validation'."""
        mine, models = self.tallies[self.serving], self.with_intervals
        return {
            part: {name: self._shown(tally.whole) for name, tally in self.tallies.items()},
            "coverage_90": self._by_horizon(share(mine.whole, COVERED)),
            "coverage_90_offline": self._by_horizon(share(mine.whole, COVERED_OFFLINE)),
            "ece": _number(calibration_error(mine.bins)),
            "serving": self.serving,
            "horizons": {name: self._errors(tally.whole) for name, tally in self.tallies.items()},
            "bias_mph": {name: self._by_horizon(share(tally.whole, SIGNED)) for name, tally in self.tallies.items()},
            "within_5_mph": {name: self._by_horizon(share(tally.whole, CLOSE)) for name, tally in self.tallies.items()},
            "calibration": {name: self._calibration(self.tallies[name]) for name in models},
            "congestion": {name: self._congestion(self.tallies[name]) for name in models},
            "regimes": {name: self._regimes(tally) for name, tally in self.tallies.items()},
            "hours": {name: self._hours(tally) for name, tally in self.tallies.items()},
            "sensors": {name: self._sensors(tally) for name, tally in self.tallies.items()},
            "reliability": {name: self._reliability(self.tallies[name]) for name in models},
        }

    def disturbed(self, what: str) -> Json:
        """What is told of disturbed input: errors of all pairs, and of those whose input was disturbed."""
        return {
            "what": what,
            "models": {
                name: {
                    "all": self._shown(tally.whole),
                    "affected": self._shown(tally.affected),
                    "affected_pairs": int(tally.affected[PAIRS].sum()),
                    "coverage_90_affected": self._by_horizon(share(tally.affected, COVERED)),
                    "coverage_90_affected_offline": self._by_horizon(share(tally.affected, COVERED_OFFLINE)),
                    "confidence_affected": self._by_horizon(share(tally.affected, CONFIDENCE)),
                    "width_affected_mph": self._by_horizon(share(tally.affected, WIDTH)),
                }
                for name, tally in self.tallies.items()
            },
        }

    def _minutes(self, step: int) -> str:
        return f"{step * self.network.window / timedelta(minutes=1):g}"

    def _by_horizon(self, values: Sequence[float]) -> Json:
        return {self._minutes(ahead + 1): _number(value) for ahead, value in enumerate(values)}

    def _errors(self, sums: Floats) -> Json:
        return {
            self._minutes(ahead + 1): {
                "mae": _number(one.mae_mph),
                "rmse": _number(one.rmse_mph),
                "mape": _number(one.mape_percent),
            }
            for ahead, one in enumerate(errors(sums))
        }

    def _shown(self, sums: Floats) -> Json:
        every = self._errors(sums)
        return {minutes: every[minutes] for minutes in map(self._minutes, SHOWN_STEPS)}

    def _calibration(self, tally: Tally) -> Json:
        return {
            "coverage_90": self._by_horizon(share(tally.whole, COVERED)),
            "coverage_90_offline": self._by_horizon(share(tally.whole, COVERED_OFFLINE)),
            "coverage_90_by_regime": self._of_regimes(tally.by_regime, COVERED),
            "coverage_90_by_announced_regime": self._of_regimes(tally.by_announced, COVERED),
            "width_mph": self._by_horizon(share(tally.whole, WIDTH)),
            "width_mph_by_regime": self._of_regimes(tally.by_regime, WIDTH),
            "pinball_mph": self._by_horizon(share(tally.whole, PINBALL)),
            "pinball_mph_by_regime": self._of_regimes(tally.by_regime, PINBALL),
            "confidence": self._by_horizon(share(tally.whole, CONFIDENCE)),
            "ece": _number(calibration_error(tally.bins)),
            "ece_by_horizon": self._by_horizon([calibration_error(tally.bins[:, :, h]) for h in range(HORIZONS)]),
        }

    def _of_regimes(self, by_regime: Floats, measure: int) -> Json:
        return {regime.name.lower(): self._by_horizon(share(by_regime[:, regime], measure)) for regime in Regime}

    def _congestion(self, tally: Tally) -> Json:
        slow, warnings = np.array(share(tally.whole, SLOW)), tally.warnings
        warned = ratio(warnings[BEGUN_WARNED], warnings[BEGUN])
        return {
            "brier": self._by_horizon(share(tally.whole, BRIER)),
            "brier_of_the_share": self._by_horizon([float(one) for one in slow * (1 - slow)]),
            "begun": int(warnings[BEGUN].sum()),
            "warned": self._by_horizon([float(one) for one in warned]),
            "in_vain": self._by_horizon([float(one) for one in ratio(warnings[WARNED_IN_VAIN], warnings[WARNED])]),
            "lead_minutes": _number(float(warned.sum()) * (self.network.window / timedelta(minutes=1))),
        }

    def _regimes(self, tally: Tally) -> Json:
        return {
            regime.name.lower(): {
                "pairs": int(tally.by_regime[PAIRS, regime].sum()),
                **self._shown(tally.by_regime[:, regime]),
            }
            for regime in Regime
        }

    def _hours(self, tally: Tally) -> Json:
        return {str(hour): self._shown(tally.by_hour[:, hour]) for hour in range(HOURS)}

    def _sensors(self, tally: Tally) -> Json:
        return {
            sensor.sensor_id: self._shown(tally.by_sensor[:, row]) for row, sensor in enumerate(self.network.sensors)
        }

    def _reliability(self, tally: Tally) -> Json:
        groups: Json = {"all": {"all": _bins(tally.bins)}}
        groups["all"] |= {regime.name.lower(): _bins(tally.bins[:, regime]) for regime in Regime}
        for step in SHOWN_STEPS:
            groups[self._minutes(step)] = {"all": _bins(tally.bins[:, :, step - 1])}
            groups[self._minutes(step)] |= {
                regime.name.lower(): _bins(tally.bins[:, regime, step - 1]) for regime in Regime
            }
        return groups


def _bins(bins: Floats) -> list[Json]:
    pairs, confidence, close = bins.reshape(3, -1, BINS).sum(axis=1)
    return [
        {
            "confidence": _number(confidence[place] / pairs[place]),
            "observed": _number(close[place] / pairs[place]),
            "pairs": int(pairs[place]),
        }
        for place in np.flatnonzero(pairs)
    ]


def _number(value: float) -> float | None:
    # JSON knows no NaN.
    return None if math.isnan(value) else round(float(value), 4)
