"""What scores lead to, in one network: adapted intervals, rolling figures, drift. Pure.

Driven step by step: `admit` what serves, `observe` the step's windows, ask for `scales`, forecast, `remember`.
What `observe` and `remember` return is to be stored; after a restart, `restore` takes it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.forecasting.calibration.adaptive import BINS, KEPT, AdaptiveScale
from shared.forecasting.forecasting import ModelForecast, Scales
from shared.forecasting.inputs.history import HORIZONS, minutes_ahead, place_of
from shared.forecasting.registry.loading import Key, Served
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.drift import (
    InputDrift,
    InputReference,
    input_drift,
    page_hinkley,
    relative_errors,
    validation_mae_mph,
)
from shared.forecasting.scoring.live import LiveScoring
from shared.forecasting.scoring.rolling import Errors, ScoreHistory, Totals
from shared.store.model_records import ModelScore
from shared.traffic.arrays import Floats, Integers
from shared.traffic.health.rules import Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step

ERROR_TOLERANCE = 0.25
"""Rolling MAE a quarter above that of the validation part is the weather; the last value's goes to 1.4 on METR-LA."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of event time: `rolling` figures, and how far back errors are `kept`."""

    rolling: timedelta
    kept: timedelta


def settled_after(network: Network, correctable: int) -> timedelta:
    """How old a window is whose scores do not change any more: neither it nor what was forecast for it from others."""
    return (correctable + 1) * network.window


class Scoreboard:
    """The scores of one network.

    Args:
        network: whose forecasts are scored.
        correctable: how many windows behind the newest a late one still changes scores.
        spans: of event time.
    """

    def __init__(self, network: Network, correctable: int, spans: Spans) -> None:
        self.network = network
        self.spans = spans
        self._live = LiveScoring(network, correctable)
        self._settled_after = settled_after(network, correctable)
        self._history = ScoreHistory(network.window, spans.rolling, max(spans.kept, 2 * spans.rolling))
        self._adaptive: dict[Key, AdaptiveScale] = {}
        self._seen_until: dict[Key, datetime] = {}
        self._reference: tuple[Key, InputReference | None] | None = None

    @property
    def looks_back(self) -> timedelta:
        """How much event time of stored scores `restore` needs."""
        return max(self._history.kept, KEPT + self._settled_after)

    def admit(self, serving: Serving) -> None:
        """Follow the models that serve; what was learned of others goes."""
        self._adaptive = {
            served.key: self._adaptive.get(served.key)
            or AdaptiveScale(served.uncertainty.prior, self.network.window, self._settled_after)
            for served in serving.ranked
        }
        self._seen_until = {served.key: end for served in serving.ranked if (end := served.card.seen_until) is not None}

    def restore(self, scores: Iterable[ModelScore]) -> None:
        """Take in scores that were stored."""
        self._take(sorted(scores, key=lambda one: (one.timestamp, one.revision)))

    def observe(self, step: Step, doubts: Reasons | None = None) -> list[ModelScore]:
        """The scores of the forecasts that were of a step's own window; `doubts` as in `LiveScoring.observe`."""
        return self._take(self._live.observe(step, doubts))

    def forgotten(self, step: Step) -> list[int]:
        """How many windows before a step's own the origins are whose forecasts should wait, and do not."""
        return self._live.forgotten(step)

    def scales(self, origins: Sequence[datetime]) -> Scales:
        """What each model's intervals at these origins are to be multiplied by: (origins, HORIZONS)."""
        return {key: np.stack([scale.at(origin) for origin in origins]) for key, scale in self._adaptive.items()}

    def remember(self, step: Step, forecasts: Sequence[ModelForecast], ages: Sequence[int] = (0,)) -> list[ModelScore]:
        """Keep forecasts until their windows come; returns the scores of those whose windows are there already.

        What a refit says of days that it was fitted to, as in a replay of them, says nothing of it and is not scored.
        """
        origin = step.window_start - (max(ages, default=0) - 1) * self.network.window
        unseen = [one for one in forecasts if self._seen_until.get((one.name, one.version), origin) <= origin]
        return self._take(self._live.remember(step, unseen, ages))

    def totals(self, key: Key, until: datetime) -> Totals | None:
        """How a version of a model did over the rolling span."""
        return self._history.totals(key, until)

    def errors(self, keys: Iterable[Key], until: datetime) -> Mapping[Key, Errors]:
        """Errors of versions of models, window by window."""
        return {key: self._history.errors(key, until) for key in keys}

    def input_drift(self, champion: Served, until: datetime) -> InputDrift | None:
        """How the windows of the rolling span differ from the champion's training history; `None` if not known."""
        if self._reference is None or self._reference[0] != champion.key:
            self._reference = champion.key, InputReference.of_card(self.network, champion.card)
        reference = self._reference[1]
        inputs = self._history.inputs(until)
        enough = len(inputs) >= self._rolling_windows / 2
        return input_drift(reference, inputs) if reference is not None and enough else None

    def error_drift(self, served: Served, until: datetime, horizons: Iterable[int]) -> float | None:
        """The largest Page-Hinkley statistic of a model over these places of `HORIZONS`; `None` if not known."""
        errors = self._history.errors(served.key, until)
        found = []
        for horizon in horizons:
            expected = validation_mae_mph(served.card, minutes_ahead(self.network.window)[horizon])
            if expected is not None:
                ratio = relative_errors(errors, horizon, expected, self.network, self._rolling_windows)
                tested = ratio[-self._rolling_windows :]
                if not np.isnan(tested[-1:]).any() and len(tested):
                    found.append(page_hinkley(tested, 1.0, ERROR_TOLERANCE))
        return max(found, default=None)

    @property
    def _rolling_windows(self) -> int:
        return max(1, self.spans.rolling // self.network.window)

    def _take(self, scores: list[ModelScore]) -> list[ModelScore]:
        self._history.put(scores)
        for score in scores:
            adaptive = self._adaptive.get((score.model_name, score.model_version))
            if adaptive is not None:
                adaptive.put(score.timestamp, score.revision, self._histogram(score))
        return scores

    def _histogram(self, score: ModelScore) -> Integers:
        counts: Integers = np.zeros((HORIZONS, BINS), dtype=np.intp)
        for horizon in score.horizons:
            place = place_of(horizon.horizon_minutes, self.network.window)
            if place is not None and len(horizon.scaled_histogram) == BINS:
                counts[place] = horizon.scaled_histogram
        return counts


def shown(values: Floats, horizons: Iterable[int]) -> Mapping[int, float]:
    """The values at these places that there are."""
    return {place: float(values[place]) for place in horizons if not np.isnan(values[place])}
