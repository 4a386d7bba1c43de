"""Whether a challenger has earned to be champion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.forecasting.inputs.history import HORIZONS, minutes_ahead
from shared.forecasting.registry.loading import Key
from shared.forecasting.scoring.rolling import Errors
from shared.traffic.arrays import Floats, Integers

MARGIN = 0.02
LEAST_SHARE = 0.5
LEAST_PAIRS = 0.95
MINUTES = (15, 30, 60)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A challenger that is to serve, and why, in words."""

    model: Key
    reason: str


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """A challenger is promoted whose MAE over `time` is lower than the champion's by `margin` (a share) or more.

    That holds at each of `horizons` (places among `HORIZONS`), over the windows in which both were scored. They must
    fill at least `LEAST_SHARE` of the time, and the challenger must have at least `LEAST_PAIRS` of the champion's pairs
    in them: who leaves out the hard sensors has earned nothing. For `time` after a promotion nobody is promoted.
    """

    window: timedelta
    time: timedelta
    horizons: tuple[int, ...]
    margin: float = MARGIN

    def decide(
        self, champion: Key, errors: Mapping[Key, Errors], now: datetime, last: datetime | None
    ) -> Promotion | None:
        """Who is to serve.

        Args:
            champion: that serves now.
            errors: of it and of its challengers.
            now: event time.
            last: event time of the last promotion.
        """
        if champion not in errors or (last is not None and last <= now < last + self.time):
            return None
        better = {
            model: gain
            for model, theirs in errors.items()
            if model != champion and (gain := self._gain(errors[champion], theirs, now)) is not None
        }
        if not better:
            return None
        best = max(better, key=lambda model: (min(better[model]), model))
        hours = self.time / timedelta(hours=1)
        gains = ", ".join(f"{gain:.1%}" for gain in better[best])
        return Promotion(best, f"MAE lower than that of {champion[0]} {champion[1]} by {gains} over {hours:g} h")

    def _gain(self, champion: Errors, challenger: Errors, now: datetime) -> tuple[float, ...] | None:
        common = sorted(set(champion.ends) & set(challenger.ends))
        recent = [end for end in common if now - self.time < end <= now]
        if len(recent) < LEAST_SHARE * (self.time / self.window):
            return None
        gains = []
        for horizon in self.horizons:
            (old_pairs, old), (new_pairs, new) = (_summed(each, recent, horizon) for each in (champion, challenger))
            if not old_pairs or not old or new_pairs < LEAST_PAIRS * old_pairs:
                return None
            gains.append(1 - (new / new_pairs) / (old / old_pairs))
        return tuple(gains) if min(gains) >= self.margin else None


def horizons_at(window: timedelta) -> tuple[int, ...]:
    """The places of 15, 30 and 60 minutes among `HORIZONS` of a network; all where it has none of these."""
    minutes = minutes_ahead(window)
    return tuple(minutes.index(one) for one in MINUTES if one in minutes) or tuple(range(HORIZONS))


def _summed(errors: Errors, ends: list[datetime], horizon: int) -> tuple[float, float]:
    place = {end: row for row, end in enumerate(errors.ends)}
    rows: Integers = np.array([place[end] for end in ends], dtype=np.intp)
    pairs: Floats = errors.pairs[rows, horizon]
    return float(pairs.sum()), float(errors.absolute_mph[rows, horizon].sum())
