"""Run the forecasts of a recording as the predictor makes them, many origins at once, and count the errors. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from metrla.lab.forecasting.evaluation.disturbances import Disturbed
from metrla.lab.forecasting.evaluation.results import Evaluation
from metrla.lab.forecasting.evaluation.scale_replay import ScaleReplay
from metrla.lab.forecasting.evaluation.tally import Piece, PieceForecasts, Tally
from metrla.lab.forecasting.progress import Told
from metrla.lab.forecasting.recorded import Recorded, last_values
from shared.events.errors import ModelError
from shared.forecasting.calibration.adaptive import AdaptiveScale, score
from shared.forecasting.calibration.congestion import congested_below
from shared.forecasting.forecasting import SETTLED_WINDOWS, Forecasting, ModelForecast
from shared.forecasting.inputs.history import HORIZONS, LAGS, Batch
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, Combiner, Forecaster
from shared.forecasting.registry.loading import Key, Served
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.scoreboard import settled_after
from shared.traffic.arrays import Floats, Integers

LAST_VALUE = "last_value"
ORIGINS_AT_ONCE, PAIRS_AT_ONCE = 48, 40_000
"""Of origins, and of origins and sensors: what is counted of those of a large network takes gigabytes."""
WARM_UP = 96


@dataclass(eq=False)
class Course:
    """A recording that models are run over.

    `recorded` is what happened; regimes follow from its first windows, which the models were fitted to.
    """

    recorded: Recorded
    hours: Integers = field(init=False)
    below_mph: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Work out the local hours, and what is congestion."""
        recorded, zone = self.recorded, self.recorded.network.time_zone
        starts = (recorded.start + row * recorded.network.window for row in range(len(recorded.speed_mph)))
        self.hours = np.array([start.astimezone(zone).hour for start in starts], dtype=np.intp)
        self.below_mph = congested_below(recorded.speed_mph[: recorded.train_windows])

    def judge(
        self,
        serving: Serving,
        origins: Integers,
        told: Told | None = None,
        disturbed: Disturbed | None = None,
        warm_up: int = WARM_UP,
    ) -> Evaluation:
        """Forecast at `origins` and count.

        A sensor that a model cannot tell counts with the historical average, which then serves in its place. Intervals
        are scaled online by what had been seen at each origin, as in operation.

        Args:
            serving: the models, loaded for the network of `disturbed`.
            origins: in time order.
            told: how many of how many origins are done.
            disturbed: what the models see instead of what was recorded.
            warm_up: how many origins before are forecast too, for the scales of the first intervals.

        Raises:
            ModelError: there is no model.
        """
        if serving.champion is None:
            raise ModelError(f"network {self.recorded.network.network_id}: no model that can serve")
        seen = self.recorded
        if disturbed is not None:
            seen = self.recorded.disturbed(disturbed.network, disturbed.speed_mph)
        passage = _Passage(seen, serving)
        tallies = {name: Tally(len(seen.network.sensors)) for name in (*passage.names, LAST_VALUE)}
        at_once = max(1, min(ORIGINS_AT_ONCE, PAIRS_AT_ONCE // len(seen.network.sensors)))
        for some in _pieces(np.arange(max(0, origins[0] - warm_up), origins[0]), at_once):
            passage.forecasts(some)
        for some in _pieces(origins, at_once):
            actual, last = self.recorded.actual(some), passage.last_values(some)
            piece = self._piece(some, last[:, :, 0], actual, disturbed)
            answers = passage.forecasts(some) | {LAST_VALUE: PieceForecasts(last)}
            for name, tally in tallies.items():
                tally.add(piece, answers[name])
            if told is not None:
                told(float(some[-1] - origins[0] + 1), float(origins[-1] - origins[0] + 1))
        return Evaluation(self.recorded.network, tallies, serving.champion.model.name)

    def _piece(self, origins: Integers, now_mph: Floats, actual: Floats, disturbed: Disturbed | None) -> Piece:
        ahead = origins[:, None] + LAGS + np.arange(HORIZONS)
        return Piece(
            actual_mph=actual,
            now_mph=now_mph,
            below_mph=self.below_mph,
            hours=self.hours[ahead],
            affected=None if disturbed is None else disturbed.affected[origins + LAGS - 1],
        )


@dataclass(eq=False)
class _Passage:
    """One way through a recording, in time order."""

    seen: Recorded
    serving: Serving
    forecasting: Forecasting = field(init=False)
    replays: Mapping[Key, ScaleReplay] = field(init=False)

    def __post_init__(self) -> None:
        network = self.seen.network
        self.forecasting = Forecasting(network)
        loaded = {key: _once(one) for key, one in self.serving.loaded.items()}
        self.serving = replace(
            self.serving, ranked=tuple(loaded[one.key] for one in self.serving.ranked), loaded=loaded
        )
        self.replays = {
            one.key: ScaleReplay(
                AdaptiveScale(one.uncertainty.prior, network.window, settled_after(network, SETTLED_WINDOWS))
            )
            for one in self.serving.ranked
        }

    @property
    def names(self) -> list[str]:
        return [one.model.name for one in self.serving.ranked]

    def last_values(self, origins: Integers) -> Floats:
        return last_values(self.seen.batch(origins), self.seen.usual_mph[origins + LAGS - 1][:, :, None])

    def forecasts(self, origins: Integers) -> dict[str, PieceForecasts]:
        """What each model said, with intervals as calibrated and as adapted; the latter depend on what came before.

        They adapt by what sensors said, as in service: what really happened nobody knows there where a sensor is wrong.
        """
        batch, told = self.seen.batch(origins), self.seen.told(origins)
        offline = self._made(batch, {})
        ends = [self.seen.start + (int(origin) + LAGS) * self.seen.network.window for origin in origins]
        scales = {}
        for key, replay in self.replays.items():
            one = offline[key[0]]
            bounds = one.bounds
            scores = score(one.predicted_mph, bounds.lower_mph, bounds.upper_mph, told, np.ones(HORIZONS))
            scales[key] = replay.scales(ends, scores)[:, 0]
        adapted = self._made(batch, scales)
        return {name: _answer(name, adapted, offline) for name in self.names}

    def _made(self, batch: Batch, scales: Mapping[Key, Floats]) -> dict[str, ModelForecast]:
        found: dict[str, ModelForecast] = {}
        for one in self.forecasting.of_batch(batch, self.serving, scales=scales):
            # What the stream average says comes last, under the name of the trained one.
            found.setdefault(one.name, one)
        return found


@dataclass(eq=False)
class _Once:
    """A model that is asked twice about the same batch: once for its scores, once for intervals scaled by them."""

    model: Forecaster
    _batch: Batch | None = None
    _predicted: Floats | None = None

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def version(self) -> str:
        return self.model.version

    def predict(self, batch: Batch) -> Floats:
        if self._predicted is None or self._batch is not batch:
            self._batch, self._predicted = batch, self.model.predict(batch)
        return self._predicted


def _once(served: Served) -> Served:
    return served if isinstance(served.model, Combiner) else replace(served, model=_Once(served.model))


def _answer(name: str, adapted: Mapping[str, ModelForecast], offline: Mapping[str, ModelForecast]) -> PieceForecasts:
    mine, before = adapted[name], offline[name].bounds
    predicted, bounds = mine.predicted_mph, mine.bounds
    answer = (
        predicted,
        bounds.lower_mph,
        bounds.upper_mph,
        before.lower_mph,
        before.upper_mph,
        bounds.confidence,
        bounds.congested,
    )
    silent, usual = np.isnan(predicted), adapted.get(HISTORICAL_AVERAGE)
    if usual is None or not silent.any():
        return PieceForecasts(*answer)
    with_usual, usual_before = usual.bounds, offline[HISTORICAL_AVERAGE].bounds
    instead = (
        usual.predicted_mph,
        with_usual.lower_mph,
        with_usual.upper_mph,
        usual_before.lower_mph,
        usual_before.upper_mph,
        with_usual.confidence,
        with_usual.congested,
    )
    return PieceForecasts(*(np.where(silent, other, own) for own, other in zip(answer, instead, strict=True)))


def _pieces(origins: Integers, at_once: int) -> list[Integers]:
    return np.split(origins, range(at_once, len(origins), at_once)) if len(origins) else []
