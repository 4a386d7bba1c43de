"""The validation part of a recording: what models forecast of it, and what that says about their certainty. Pure.

Sensors with little input are rare in most recordings. For their certainty every third origin comes once more with input
hidden: of some sensors all, of others a half, and at times that of a whole carriageway.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from shared.events.errors import ConfigurationError
from shared.forecasting.calibration.congestion import congested_below
from shared.forecasting.calibration.context import Context
from shared.forecasting.calibration.spread import BLOCKS, Uncertainty
from shared.forecasting.inputs.history import LAGS, Batch
from shared.forecasting.inputs.signs import Lookout, Signs
from shared.forecasting.models.forecaster import Combiner
from shared.forecasting.registry.loading import Model
from shared.traffic.arrays import Compact, Flags, Floats, Integers

ORIGINS_AT_ONCE, PAIRS_AT_ONCE = 64, 40_000
"""Of origins, and of origins and sensors: a large network's would not fit into memory otherwise."""
MOST_PAIRS, LEAST_ORIGINS = 2_000_000, 60
"""Of the validation part as many origins as make so many pairs with sensors say all that there is to say."""
EVERY = 3
WHOLLY, PARTLY, HALF, CARRIAGEWAY = 0.1, 0.1, 0.5, 0.2


@dataclass(eq=False)
class HeldOut:
    """The origins after those that models are fitted to and before those that test, and copies with hidden input.

    `origins` (B,) has the copies behind the originals; `actual` is (B, N, HORIZONS) mph, NaN where missing; `observed`
    (B, N) counts the usable readings of the last windows; `told` (B, N) are the sensors that count at an origin.
    `signs` are those of the origins, `below_mph` (N,) is where congestion begins by the part that is fitted to.

    Where time or memory are short, at most `most` origins count, evenly spaced.

    Raises:
        ConfigurationError: a horizon has no reading at all.
    """

    recorded: Recorded
    split: Split
    seed: int
    most: int | None = None
    first: Integers = field(init=False)
    origins: Integers = field(init=False)
    actual: Floats = field(init=False)
    observed: Integers = field(init=False)
    told: Flags = field(init=False)
    hidden: Flags = field(init=False)
    signs: Signs = field(init=False)
    below_mph: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Lay out what happened."""
        bound = max(LEAST_ORIGINS, MOST_PAIRS // len(self.recorded.network.sensors))
        count = min(self.split.validation, bound if self.most is None else min(bound, self.most))
        places = np.linspace(0, self.split.validation, count, endpoint=False).astype(np.intp)
        self.first = first = self.split.train + places
        copies = first[::EVERY]
        self.origins = np.concatenate([first, copies])
        self.actual = self.recorded.actual(self.origins)
        if np.isnan(self.actual[: len(first)]).all(axis=(0, 1)).any():
            raise ConfigurationError(
                "a tenth of the history is for calibration, and holds no readings: give a longer one"
            )
        self.hidden = self._hidden(len(copies))
        untouched = np.ones((len(first), len(self.recorded.network.sensors)), dtype=np.bool_)
        self.told = np.concatenate([untouched, self.hidden.any(axis=1)])
        self.below_mph = congested_below(self.recorded.speed_mph[: self.split.train_windows])
        lookout, observed, signs = Lookout(self.recorded.network), [], []
        for batch in map(self._batch, self._pieces()):
            observed.append(batch.observed)
            signs.append([each.astype(np.float32) for each in lookout.signs(batch)])
        self.observed = np.concatenate(observed)
        self.signs = Signs(*(np.concatenate(each) for each in zip(*signs, strict=True)))

    @property
    def count(self) -> int:
        """How many origins there are without the copies."""
        return len(self.first)

    def predict(
        self, model: Model, predicted: Mapping[str, Compact], done: Callable[[float, float], None]
    ) -> tuple[Compact, Uncertainty]:
        """The forecasts of a model, made as it will serve, and how sure they are.

        Args:
            model: one that forecasts, or one that combines the forecasts of others.
            predicted: what those others forecast, (B, N, HORIZONS) mph.
            done: is told how many of how many origins are done.

        Raises:
            ConfigurationError: the model can forecast nothing.
        """
        mine = np.empty(self.actual.shape, dtype=np.float32)
        apart = np.zeros(self.actual.shape, dtype=np.float32)
        for rows in self._pieces():
            if isinstance(model, Combiner):
                members = {name: predicted[name][rows].astype(np.float64) for name in model.members}
                mine[rows], apart[rows] = model.combine(members), model.disagreement(members)
            else:
                mine[rows] = model.predict(self._batch(rows))
            done(float(rows.stop), float(len(self.origins)))
        if np.isnan(mine).all():
            raise ConfigurationError(f"{model.name} can forecast nothing of the held-out part: give a longer history")
        counted = np.where(self.told[:, :, None], mine, np.nan).astype(np.float64)
        place = np.arange(self.count)
        blocks = np.concatenate([place, place[::EVERY]]) * BLOCKS // self.count
        context = Context(counted, apart.astype(np.float64), self.observed, self.signs)
        return mine, Uncertainty.fit(context, self.actual, blocks, self.below_mph)

    def _batch(self, rows: slice) -> Batch:
        batch = self.recorded.batch(self.origins[rows])
        hidden = np.zeros(batch.speed_mph.shape, dtype=np.bool_)
        copies = slice(max(rows.start - self.count, 0), max(rows.stop - self.count, 0))
        hidden[len(hidden) - (copies.stop - copies.start) :] = self.hidden[copies]
        return replace(batch, speed_mph=np.where(hidden, np.nan, batch.speed_mph))

    def _hidden(self, copies: int) -> Flags:
        random, network = np.random.default_rng((self.seed, 7)), self.recorded.network
        sensors = len(network.sensors)
        lot = random.random((copies, 1, sensors))
        hidden: Flags = lot < WHOLLY
        hidden = hidden | ((lot < WHOLLY + PARTLY) & (random.random((copies, LAGS, sensors)) < HALF))
        roads = [[network.index[sensor.sensor_id] for sensor in along] for along in network.carriageways.values()]
        for copy in np.flatnonzero(random.random(copies) < CARRIAGEWAY):
            hidden[copy][:, roads[random.integers(len(roads))]] = True
        return hidden

    def _pieces(self) -> Iterator[slice]:
        at_once = max(1, min(ORIGINS_AT_ONCE, PAIRS_AT_ONCE // len(self.recorded.network.sensors)))
        for first in range(0, len(self.origins), at_once):
            yield slice(first, min(first + at_once, len(self.origins)))
