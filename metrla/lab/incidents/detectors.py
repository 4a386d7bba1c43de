"""The published detectors to compare with, each over an equal number of levels, with thresholds for each sensor."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrla.lab.incidents.baselines.california import California7, California8
from metrla.lab.incidents.baselines.exponential_smoothing import DoubleExponentialSmoothing
from metrla.lab.incidents.baselines.mcmaster import McMaster, fit_template
from metrla.lab.incidents.baselines.speed_rules import FixedThreshold, TwoStation
from metrla.lab.incidents.baselines.standard_normal_deviate import StandardNormalDeviate
from metrla.lab.incidents.measures import Measures
from shared.alerts.detection.calibration import sensor_scales
from shared.alerts.detection.guard import Guarded
from shared.alerts.detection.protocol import IncidentDetector, Observation
from shared.alerts.learned.learner import WITHIN_MILES
from shared.events.errors import ConfigurationError
from shared.traffic.arrays import Flags, Floats
from shared.traffic.health.rules import HealthJudge
from shared.traffic.neighbours import neighbours

LEVELS = 20
"""Of each detector: who may choose among more finds a better one by chance."""
LIVE = "live"
"""The incident alerts of the service as it ships."""
# Thresholds as tuned on the first 14 days of Orange by the mean detection rate at 2 to 15 false alarms per day.
OCCRDF, DOCC, DOCCTD, WAVE_DOCC = 0.35, 0.12, -0.4, 0.2


@dataclass(frozen=True, eq=False)
class Contender:
    """A detector over a range of thresholds, from sensitive to insensitive.

    `make` builds it for thresholds (levels, sensors); `per_sensor` is False where one threshold for all is the point.
    """

    make: Callable[[Floats], IncidentDetector[Any]]
    thresholds: Floats
    per_sensor: bool = True

    @property
    def name(self) -> str:
        """That of the detector."""
        return self.make(self.thresholds[:, None]).name


def contenders(measures: Measures, training: int) -> list[Contender]:
    """All detectors that the measures allow; whatever must be fitted is fitted to the first `training` windows."""
    road = neighbours(measures.road, WITHIN_MILES)
    found = [
        Contender(FixedThreshold, np.linspace(60.0, 5.0, LEVELS), per_sensor=False),
        Contender(lambda limit: TwoStation(road, limit, fallen_share=0.1), np.linspace(4.0, 60.0, LEVELS)),
    ]
    if not measures.has_occupancy:
        return [
            *found,
            Contender(lambda limit: StandardNormalDeviate(limit, on_speed=True), np.geomspace(3.0, 80.0, LEVELS)),
            Contender(lambda limit: DoubleExponentialSmoothing(limit, on_speed=True), np.geomspace(3.0, 100.0, LEVELS)),
        ]
    template = fit_template(measures.speed_mph[:training], measures.occupancy[:training], measures.volume[:training])
    occdf = np.geomspace(0.015, 0.6, LEVELS)

    def seven(limit: Floats) -> California7:
        return California7(road, limit, np.full(limit.shape, OCCRDF), np.full(limit.shape, DOCC))

    def eight(limit: Floats) -> California8:
        same = np.full(limit.shape, OCCRDF), np.full(limit.shape, DOCC)
        return California8(road, limit, DOCCTD, *same, WAVE_DOCC)

    return [
        *found,
        Contender(StandardNormalDeviate, np.geomspace(3.0, 80.0, LEVELS)),
        Contender(DoubleExponentialSmoothing, np.geomspace(3.0, 100.0, LEVELS)),
        Contender(seven, occdf),
        Contender(eight, occdf),
        Contender(lambda limit: McMaster(road, template, limit, windows=3), np.linspace(1.5, 40.0, LEVELS)),
    ]


def chosen(line_up: Sequence[Contender], only: Iterable[str]) -> list[Contender]:
    """Those of these names; raises `ConfigurationError` for a name that none has."""
    names = {contender.name: contender for contender in line_up}
    if unknown := set(only) - set(names):
        raise ConfigurationError(f"no detector {', '.join(sorted(unknown))} here; there are {LIVE}, {', '.join(names)}")
    return [contender for name, contender in names.items() if name in set(only or names)]


def calibrated(
    contender: Contender, measures: Measures, training: Sequence[Observation], calm: Flags
) -> IncidentDetector[Any]:
    """The detector with its thresholds fitted to each sensor, behind the health rules.

    Args:
        contender: detector and range.
        measures: whose road it watches.
        training: windows to learn from.
        calm: (training windows, sensors) where there was no incident.
    """
    sensors = len(measures.road.sensors)
    scales = np.ones(sensors)
    if contender.per_sensor:
        silent = contender.make(np.full((1, sensors), np.finfo(np.float64).max / 4))
        state, scores = silent.initial(), []
        for seen in training:
            verdict, state = silent.step(seen, state)
            scores.append(verdict.score[0])
        scales = sensor_scales(np.stack(scores), calm)
    return Guarded(contender.make(contender.thresholds[:, None] * scales), HealthJudge.of(measures.road))
