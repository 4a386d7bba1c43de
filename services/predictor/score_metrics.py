"""The figures of one network in the metrics: by model and, in minutes, by horizon."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import structlog
from prometheus_client import Gauge
from structlog.stdlib import BoundLogger

from shared.forecasting.forecasting import Scales
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.standing import Drifts, Standing
from shared.runtime.metrics import PredictorMetrics
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

log: BoundLogger = structlog.stdlib.get_logger(__name__)

MINUTE = timedelta(minutes=1)


@dataclass
class ScoreMetrics:
    """Shows the latest standing; what is not known any more is taken away."""

    network: Network
    metrics: PredictorMetrics
    _drifts: Drifts = field(default_factory=Drifts)
    _labelled: set[tuple[Gauge, tuple[str, ...]]] = field(default_factory=set)

    def show(self, standing: Standing, serving: Serving, scales: Scales, horizons: Iterable[int]) -> None:
        """Set the gauges, count the drifts that begin."""
        metrics, network_id = self.metrics, self.network.network_id
        before, self._labelled = self._labelled, set()
        for model, totals in standing.totals.items():
            self._set(metrics.rolling_mae, model, totals.mae_mph, horizons)
            self._set(metrics.rolling_bias, model, totals.bias_mph, horizons)
            self._set(metrics.rolling_coverage, model, totals.coverage, horizons)
            self._set(metrics.rolling_calibration_error, model, totals.calibration_error, horizons)
        for served in serving.ranked:
            self._set(metrics.interval_scale, served.model.name, scales[served.key][0], horizons)
        if standing.inputs is not None:
            self._label(metrics.input_stability, (network_id,)).set(standing.inputs.stability_index)
            self._label(metrics.input_missing, (network_id,)).set(standing.inputs.missing_share)
        for model, level in standing.errors.items():
            self._label(metrics.error_drift, (network_id, model)).set(level)
        for gauge, labels in before - self._labelled:
            gauge.remove(*labels)
        self._follow_drifts(standing)

    def _follow_drifts(self, standing: Standing) -> None:
        levels = standing.levels
        begun, ended = self._drifts.follow(levels)
        for kind, model in begun | ended:
            labels = self.network.network_id, kind.value, model
            self.metrics.drifting.labels(*labels).set((kind, model) in begun)
            if (kind, model) in begun:
                self.metrics.drifts.labels(*labels).inc()
                log.warning(
                    "drift began",
                    network=self.network.network_id,
                    kind=kind.value,
                    model=model or None,
                    level=round(levels[kind, model], 3),
                    at=standing.until.isoformat(),
                )
            else:
                log.info("drift ended", network=self.network.network_id, kind=kind.value, model=model or None)

    def _set(self, gauge: Gauge, model: str, values: Floats, horizons: Iterable[int]) -> None:
        for place in horizons:
            if not np.isnan(values[place]):
                minutes = f"{(place + 1) * self.network.window / MINUTE:g}"
                self._label(gauge, (self.network.network_id, model, minutes)).set(float(values[place]))

    def _label(self, gauge: Gauge, labels: tuple[str, ...]) -> Gauge:
        self._labelled.add((gauge, labels))
        return gauge.labels(*labels)
