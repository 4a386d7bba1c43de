"""From a network step to forecasts: each model once, then who speaks for which sensor, how sure. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

import numpy as np

from shared.events.records import PredictionBasis
from shared.forecasting.calibration.context import Context
from shared.forecasting.calibration.spread import Bounds
from shared.forecasting.inputs.health_course import HealthCourse, JudgedWindow
from shared.forecasting.inputs.history import HORIZONS, LAGS, Batch, batch_of
from shared.forecasting.inputs.signs import Lookout
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, Combiner
from shared.forecasting.models.historical_average import StreamAverage
from shared.forecasting.registry.loading import Key, Served
from shared.forecasting.registry.serving import Serving
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.calendar import day_type_slots
from shared.traffic.health.hiding import learned_speed, without_doubted
from shared.traffic.health.rules import Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

SETTLED_WINDOWS = LAGS
"""A window so far behind the newest is not corrected any more, and is learned: it counts as recent."""
SILENT_FACTOR = 1.2
"""So much wider than those of the historical average are intervals while a whole network says nothing: silence does not
come at random. Of METR-LA's validation part, 135 origins, 86 to 88 % of that average's hold, and 90 to 92 % of these.
"""
LEAST_OBSERVED = LAGS // 2
"""A sensor with fewer of its last windows than this is forecast from its neighbours and its profile: imputed."""

BASES = tuple(PredictionBasis)
TRAINED, IMPUTED, TRANSFERRED, PROFILE = (BASES.index(one) for one in PredictionBasis)

Scales: TypeAlias = Mapping[Key, Floats]
NO_SCALES: Scales = {}


@dataclass(frozen=True, slots=True, eq=False)
class ModelForecast:
    """What one model says at B origins of N sensors.

    Attributes:
        name: of the model.
        version: of the model.
        predicted_mph: (B, N, HORIZONS), NaN where it cannot tell.
        bounds: how sure it is.
        basis: (B, N), places in `BASES`.
        serving: (B, N), whether this is the network's answer for the sensor. The trues of all models are disjoint.
        scale: (B, HORIZONS), what online adaptation multiplied the reach of the intervals by.
    """

    name: str
    version: str
    predicted_mph: Floats
    bounds: Bounds
    basis: Integers
    serving: Flags
    scale: Floats


@dataclass
class Forecasting:
    """Forecasts the steps of one network."""

    network: Network
    least_observed: int = LEAST_OBSERVED
    recent: RecentSpeeds = field(init=False)
    health: HealthCourse = field(init=False)
    _stream: StreamAverage = field(init=False)
    _lookout: Lookout = field(init=False)
    _shown: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin without knowledge of the stream."""
        self.recent, self._stream = RecentSpeeds(self.network), StreamAverage(self.network)
        self.health, self._lookout = HealthCourse(self.network), Lookout(self.network)

    def forecast(
        self, step: Step, models: Serving, *, challengers: bool = True, scales: Scales = NO_SCALES
    ) -> list[ModelForecast]:
        """What the models say at the origin of a step.

        The champion serves. A sensor that it cannot tell is served by the first challenger that can, and one that no
        model can tell by what the stream has shown, if anything.

        Args:
            step: the newest windows.
            models: the champion, its challengers, and their members.
            challengers: whether those speak for sensors that the champion serves.
            scales: (1, HORIZONS) for each model whose intervals are adapted online.
        """
        doubts = self.doubts(step)
        self._show_stream(step, doubts)
        batch = batch_of(step, recent=self.recent, doubts=doubts)
        return self.of_batch(batch, models, challengers=challengers, scales=scales)

    def doubts(self, step: Step) -> Reasons:
        """What is wrong with each reading of a step, see `shared.traffic.health`: (history, N)."""
        return self.health.doubts(step)

    def of_batch(
        self, batch: Batch, models: Serving, *, challengers: bool = True, scales: Scales = NO_SCALES
    ) -> list[ModelForecast]:
        """The same for any origins; the stream average knows what it has been shown, be it later than these."""
        done, signs = _Predictions(batch, models), self._lookout.signs(batch)
        as_calibrated = np.ones((len(batch.observed), HORIZONS))
        unserved: Flags = np.ones(batch.observed.shape, dtype=np.bool_)
        forecasts = []
        for place, model in enumerate(models.ranked):
            if place and not (challengers or unserved.any()):
                break
            predicted, disagreement = done.of(model)
            mine = unserved & ~np.isnan(predicted).any(axis=-1)
            unserved = unserved & ~mine
            if place and not challengers:
                predicted = np.where(mine[..., None], predicted, np.nan)
            context = Context(predicted, disagreement, batch.observed, signs)
            scale = scales.get(model.key, as_calibrated)
            bounds, basis = _bounds(model, models, context, scale), self._basis(model, batch)
            forecasts.append(ModelForecast(*model.key, predicted, bounds, basis, mine, scale))
        if unserved.any():
            forecasts.append(self._of_stream(batch, unserved))
        return forecasts

    def settle(self, step: Step) -> list[RecentRow]:
        """What recent speeds become by the windows that the step shows and that will not change, for `learn`.

        They are of the hours before the step: forecasts made from it, or anew from those before it, are the same.
        """
        oldest, learned = len(step.speed_mph) - 1, self.recent.learned
        starts = [step.window_start - (oldest - row) * self.network.window for row in range(_settled(step))]
        new = [row for row, start in enumerate(starts) if learned is None or start > learned]
        if not new:
            return []
        doubts = self.doubts(step)
        # Each with as many windows after it as if it were learned alone, however many a step settles.
        seen = [slice(row, row + SETTLED_WINDOWS + 1) for row in new]
        speeds = np.stack([learned_speed(step.speed_mph[each], doubts[each]) for each in seen])
        return self.recent.rows_of([starts[row] for row in new], speeds)

    def judged(self, step: Step) -> list[JudgedWindow]:
        """What the health of sensors becomes by the same windows, for `learn`."""
        unsettled = step.window_start - (len(step.speed_mph) - 1 - _settled(step)) * self.network.window
        return [one for one in self.health.windows(step) if one.window_start < unsettled]

    def learn(self, rows: Iterable[RecentRow], judged: Sequence[JudgedWindow] = ()) -> None:
        """Take in what `settle` and `judged` found: when it has got out, so that a failed attempt finds it again."""
        for row in rows:
            self.recent.learn(row)
        self.health.learn(judged)

    def _of_stream(self, batch: Batch, unserved: Flags) -> ModelForecast:
        predicted = np.where(unserved[..., None], self._stream.predict(batch), np.nan)
        bounds = self._stream.bounds(Context(predicted, np.zeros_like(predicted), batch.observed))
        basis = np.full(unserved.shape, PROFILE)
        scale = np.ones((len(batch.observed), HORIZONS))
        return ModelForecast(self._stream.name, self._stream.version, predicted, bounds, basis, unserved, scale)

    def _basis(self, model: Served, batch: Batch) -> Integers:
        if model.model.name == HISTORICAL_AVERAGE:
            return np.full(batch.observed.shape, PROFILE)
        own = np.where(batch.observed < self.least_observed, IMPUTED, TRAINED)
        basis = np.where(model.known, own, TRANSFERRED)
        return np.where(_silent(batch.observed)[:, None], PROFILE, basis)

    def _show_stream(self, step: Step, doubts: Reasons) -> None:
        if step.silent:
            # Its windows may come after all.
            return
        starts = [step.window_start - age * self.network.window for age in range(len(step.speed_mph) - 1, -1, -1)]
        new = [row for row, start in enumerate(starts) if self._shown is None or start > self._shown]
        if new:
            speeds = without_doubted(step.speed_mph[None], doubts[None])[0]
            self._stream.learn(speeds[new], day_type_slots(self.network, [starts[row] for row in new]))
            self._shown = step.window_start


def _settled(step: Step) -> int:
    """How many of the windows of a step, from the oldest on, will not change any more.

    Windows behind the last one that came may still come, all of them late: they are not settled.
    """
    came = np.flatnonzero(step.revisions.any(axis=1))
    return min(max(0, len(step.speed_mph) - SETTLED_WINDOWS), int(came[-1]) + 1 if came.size else 0)


def _silent(observed: Integers) -> Flags:
    """At which origins no sensor at all was observed, (B,), given how often each was, (B, N)."""
    silent: Flags = (observed == 0).all(axis=1)
    return silent


def _bounds(model: Served, models: Serving, context: Context, scale: Floats) -> Bounds:
    """How sure a model is; in silence by the historical average, which knows as much, and with `SILENT_FACTOR`.

    A model that hears nobody still knows time, usual and recent speeds, and does better than that average (3.8 against
    4.4 mph at 60 minutes on METR-LA's validation part without any input). But its own calibration has seen sensors
    without readings only among others that had some: with all input hidden 87 to 89 % of its intervals would hold,
    and 90 to 91 % of those of the historical average do.
    """
    bounds, silent = model.uncertainty.bounds(context, scale[:, None, :]), _silent(context.observed)
    usual = next((one for one in models.ranked if one.model.name == HISTORICAL_AVERAGE), None)
    if usual is None or not silent.any():
        return bounds
    alone = replace(context, disagreement=np.zeros_like(context.predicted))
    wider = np.full(context.predicted.shape[-1], SILENT_FACTOR)
    instead, here = usual.uncertainty.bounds(alone, wider), silent[:, None, None]
    return Bounds(
        np.where(here, instead.lower_mph, bounds.lower_mph),
        np.where(here, instead.upper_mph, bounds.upper_mph),
        np.where(here, instead.confidence, bounds.confidence),
        np.where(here, instead.congested, bounds.congested),
    )


@dataclass
class _Predictions:
    """Forecasts by name and version, each made once."""

    batch: Batch
    models: Serving
    _made: dict[Key, Floats] = field(default_factory=dict)

    def of(self, served: Served) -> tuple[Floats, Floats]:
        """Forecast and disagreement of its members, (B, N, HORIZONS) mph each."""
        model = served.model
        if isinstance(model, Combiner):
            members = {name: self._of_one((name, version)) for name, version in model.members.items()}
            return model.combine(members), model.disagreement(members)
        predicted = self._of_one(served.key)
        return predicted, np.zeros_like(predicted)

    def _of_one(self, key: Key) -> Floats:
        if key not in self._made:
            model = self.models.loaded[key].model
            if isinstance(model, Combiner):
                raise TypeError(f"{key} is a member and an ensemble itself")
            self._made[key] = model.predict(self.batch)
        return self._made[key]
