"""Train the models of a network on recorded speeds: fit, calibrate, test, pack. No I/O: the caller saves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version as installed

import numpy as np
from numpy.typing import NDArray

from services.predictor.artefact import Artefact, pack
from services.predictor.calibration import ResidualSpread
from services.predictor.forecasting import LEAST_OBSERVED
from services.predictor.history import HORIZONS, LAGS, Floats, week_slots
from services.predictor.models.historical_average import NAME as HISTORICAL_AVERAGE
from services.predictor.models.linear_regression import NAME as LINEAR_REGRESSION
from services.predictor.training.accuracy import Accuracy, accuracy
from services.predictor.training.fitting import LEAST_ROWS, Recorded, fit_linear_regression, last_values
from shared.events.errors import ConfigurationError
from shared.networks.network import Network

TRAINABLE = (LINEAR_REGRESSION,)
LAST_VALUE = "last_value"
TRAIN_SHARE, TEST_SHARE = 0.7, 0.2
LEAST_DAYS = 2.0

Scores = Mapping[str, Sequence[Accuracy]]
"""By model, one accuracy for each horizon, on the test part."""


@dataclass(frozen=True, slots=True)
class Split:
    """Origins in time order: the first are fitted to, the next calibrate, the last test (the protocol of DCRNN)."""

    train: int
    validation: int
    test: int

    @classmethod
    def of(cls, origins: int) -> "Split":
        """70 %, 10 % and 20 % of the origins, rounded as DCRNN does."""
        test, train = round(origins * TEST_SHARE), round(origins * TRAIN_SHARE)
        return cls(train, origins - train - test, test)


@dataclass(frozen=True, slots=True)
class Trained:
    """The artefacts to save, by model name, all of one version, and how well they do."""

    version: str
    artefacts: Mapping[str, Artefact]
    scores: Scores
    split: Split


def train(
    network: Network,
    start: datetime,
    speed_mph: Floats,
    *,
    now: datetime,
    source: str,
    models: Sequence[str] = TRAINABLE,
    on_progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Trained:
    """Train `models`, and always `historical_average`, which stands in for them.

    Nothing of the test part goes into profile, weights or calibration.

    Args:
        network: whose speeds they are.
        start: start of the first window (aware).
        speed_mph: (windows, sensors) in network order, NaN where missing, without gaps in time.
        now: names the version.
        source: what the speeds are, for the card.
        models: of `TRAINABLE`.
        on_progress: told how many sensors of how many are done.

    Raises:
        ConfigurationError: too little history, or a model that cannot be trained.
    """
    if unknown := set(models) - set(TRAINABLE):
        raise ConfigurationError(f"cannot train {', '.join(sorted(unknown))}: choose from {', '.join(TRAINABLE)}")
    recorded, split = _prepared(network, start, speed_mph)
    held_out = _HeldOut(recorded, split)
    learned = {HISTORICAL_AVERAGE: held_out.historical_average()}
    if LINEAR_REGRESSION in models:
        learned[LINEAR_REGRESSION] = held_out.linear_regression(on_progress)
    scores = {name: held_out.test(one.predicted) for name, one in reversed(learned.items())}
    last = last_values(speed_mph, recorded.usual, recorded.origins)[split.train :]
    scores[LAST_VALUE] = held_out.test(np.broadcast_to(last, held_out.actual.shape))
    version = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    about = {
        "created_at": now.astimezone(UTC).isoformat(),
        "training_data": {
            "source": source,
            "from": start.astimezone(UTC).isoformat(),
            "to": (start + len(speed_mph) * network.window).astimezone(UTC).isoformat(),
            "windows": len(speed_mph),
            "sha256": _fingerprint(start, speed_mph),
            "origins": asdict(split),
        },
        "software": {name: installed(name) for name in ("metrla", "numpy", "scikit-learn")},
    }
    artefacts = {
        name: pack(
            name,
            version,
            network,
            {**one.tensors, **held_out.spread(one.predicted).tensors()},
            {**about, "test_errors_by_steps_ahead": {str(k + 1): asdict(each) for k, each in enumerate(scores[name])}},
        )
        for name, one in learned.items()
    }
    return Trained(version, artefacts, scores, split)


def _prepared(network: Network, start: datetime, speed_mph: Floats) -> tuple[Recorded, Split]:
    days = len(speed_mph) * network.window / timedelta(days=1)
    if days < LEAST_DAYS:
        raise ConfigurationError(f"{days:.1f} days of history are too few to train on: give at least {LEAST_DAYS:g}")
    slots = week_slots(network, (start + row * network.window for row in range(len(speed_mph))))
    split = Split.of(len(slots) - LAGS - HORIZONS + 1)
    return Recorded(network, speed_mph, slots, train_windows=split.train + LAGS + HORIZONS - 1), split


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """Tensors of a model, and its forecasts of the held-out origins: (origins, sensors, HORIZONS), NaN where none."""

    tensors: dict[str, Floats]
    predicted: NDArray[np.floating]


@dataclass(eq=False)
class _HeldOut:
    """The origins that models are not fitted to: the first calibrate, the others test."""

    recorded: Recorded
    split: Split
    actual: Floats = field(init=False)
    usual: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Lay out what happened; raises `ConfigurationError` where that is nothing known."""
        self.actual = self.recorded.ahead(self.recorded.speed_mph)[self.split.train :]
        self.usual = self.recorded.ahead(self.recorded.usual)[self.split.train :]
        calibration = slice(None, self.split.validation)
        if np.isnan(self.actual[calibration] - self.usual[calibration]).all(axis=(0, 1)).any():
            raise ConfigurationError(
                "a tenth of the history is for calibration, and holds no readings: give a longer one"
            )

    def historical_average(self) -> _Learned:
        """The profile."""
        return _Learned({"profile_mph": self.recorded.profile_mph}, self.usual)

    def linear_regression(self, on_progress: Callable[[int, int], None]) -> _Learned:
        """Fit it to the other origins."""
        sensors = len(self.recorded.network.sensors)
        done = iter(range(1, sensors + 1))
        fit = fit_linear_regression(
            self.recorded, self.split.train, LEAST_OBSERVED, lambda: on_progress(next(done), sensors)
        )
        if np.isnan(fit.predicted[: self.split.validation]).all():
            raise ConfigurationError(
                f"no sensor has the {LEAST_ROWS} two-hour stretches that linear_regression needs: give a longer history"
            )
        tensors = {"weights": fit.weights, "intercepts": fit.intercepts, "ceiling_mph": fit.ceiling_mph}
        return _Learned({"profile_mph": self.recorded.profile_mph, **tensors}, fit.predicted)

    def spread(self, predicted: NDArray[np.floating]) -> ResidualSpread:
        """How far off the model is on the calibration part, where it can tell."""
        calibration = slice(None, self.split.validation)
        return ResidualSpread.fit(predicted[calibration].astype(np.float64), self.actual[calibration])

    def test(self, predicted: NDArray[np.floating]) -> Sequence[Accuracy]:
        """Errors by horizon on the test part, as served: where a model cannot tell, the usual speed stands in."""
        test = slice(self.split.validation, None)
        served = np.where(np.isnan(predicted[test]), self.usual[test], predicted[test])
        return [accuracy(served[..., ahead], self.actual[test][..., ahead]) for ahead in range(HORIZONS)]


def _fingerprint(start: datetime, speed_mph: Floats) -> str:
    digest = sha256(start.astimezone(UTC).isoformat().encode())
    digest.update(np.ascontiguousarray(speed_mph, dtype=np.float32).tobytes())
    return digest.hexdigest()
