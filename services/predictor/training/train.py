"""Train the models of a network on recorded speeds: fit, calibrate, test, pack. No I/O: the caller saves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version as installed

import numpy as np
from numpy.typing import NDArray

from services.predictor.calibration.spread import Context, Uncertainty
from services.predictor.inputs.history import HORIZONS, Floats
from services.predictor.models.forecaster import HISTORICAL_AVERAGE, LINEAR_REGRESSION
from services.predictor.registry.artefact import PROFILE, Artefact, pack
from services.predictor.registry.loading import open_model
from services.predictor.training.accuracy import Accuracy, accuracy
from services.predictor.training.fit_linear import fit_linear
from services.predictor.training.fitted import Fitted, Task
from services.predictor.training.recorded import Recorded, last_values
from services.predictor.training.split import Split
from shared.events.errors import ConfigurationError
from shared.networks.network import Network

TRAINABLE = (LINEAR_REGRESSION,)
LAST_VALUE = "last_value"
ORIGINS_AT_ONCE = 512
LEAST_DAYS = 2.0

Scores = Mapping[str, Sequence[Accuracy]]
"""By model, one accuracy for each horizon, on the test part."""


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
    skipped_windows: int = 0,
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
        skipped_windows: see `Split.of`.
        on_progress: told how many sensors of how many are done.

    Raises:
        ConfigurationError: too little history, or a model that cannot be trained.
    """
    if unknown := set(models) - set(TRAINABLE):
        raise ConfigurationError(f"cannot train {', '.join(sorted(unknown))}: choose from {', '.join(TRAINABLE)}")
    version = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    recorded, split = _prepared(network, start, speed_mph, skipped_windows)
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
    fitted = {HISTORICAL_AVERAGE: Fitted({})}
    if LINEAR_REGRESSION in models:
        task = Task(
            recorded,
            split,
            0,
            None,
            lambda done, total, _note="": on_progress(round(done), round(total)),
            _NoCheckpoints(),
        )
        fitted = {LINEAR_REGRESSION: fit_linear(task)} | fitted
    held_out = np.arange(split.train, split.origins)
    actual = recorded.actual(held_out)
    validation, test = slice(None, split.validation), slice(split.validation, None)
    if np.isnan(actual[validation]).all():
        raise ConfigurationError("a tenth of the history is for calibration, and holds no readings: give a longer one")
    artefacts: dict[str, Artefact] = {}
    scores: dict[str, Sequence[Accuracy]] = {}
    for name, one in fitted.items():
        tensors = {PROFILE: recorded.profile_mph.astype(np.float16), **one.tensors}
        blank = Uncertainty.fit(
            Context(np.zeros((1, 1, HORIZONS)), np.zeros((1, 1, HORIZONS)), np.zeros((1, 1), dtype=np.intp)),
            np.zeros((1, 1, HORIZONS)),
        )
        forecaster = open_model(
            pack(name, version, network, {**tensors, **blank.tensors()}, {}), name, version, network
        ).model
        predicted = _predicted(forecaster, recorded, held_out)
        observed = np.concatenate([recorded.batch(some).observed for some in _chunks(held_out)])
        context = Context(predicted[validation], np.zeros_like(predicted[validation]), observed[validation])
        scores[name] = _scores(predicted[test], actual[test])
        spread = Uncertainty.fit(context, actual[validation])
        card = {
            **about,
            "importance": dict(one.importance),
            "settings": dict(one.settings),
            "test_errors_by_steps_ahead": {str(k + 1): asdict(each) for k, each in enumerate(scores[name])},
        }
        artefacts[name] = pack(name, version, network, {**tensors, **spread.tensors()}, card)
    last = np.concatenate(
        [last_values(recorded.batch(some), recorded.usual_mph[some + 11][:, :, None]) for some in _chunks(held_out)]
    )
    scores[LAST_VALUE] = _scores(last[test], actual[test])
    return Trained(version, artefacts, scores, split)


class _NoCheckpoints:
    def read(self, _name: str) -> bytes | None:
        return None

    def write(self, _name: str, _content: bytes) -> None:
        return


def _chunks(origins: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    return np.split(origins, range(ORIGINS_AT_ONCE, len(origins), ORIGINS_AT_ONCE))


def _predicted(forecaster: object, recorded: Recorded, origins: NDArray[np.intp]) -> Floats:
    return np.concatenate([forecaster.predict(recorded.batch(some)) for some in _chunks(origins)])


def _scores(predicted: Floats, actual: Floats) -> list[Accuracy]:
    return [accuracy(predicted[..., ahead], actual[..., ahead]) for ahead in range(HORIZONS)]


def _prepared(network: Network, start: datetime, speed_mph: Floats, skipped: int) -> tuple[Recorded, Split]:
    days = len(speed_mph) * network.window / timedelta(days=1)
    if days < LEAST_DAYS:
        raise ConfigurationError(f"{days:.1f} days of history are too few to train on: give at least {LEAST_DAYS:g}")
    split = Split.of(len(speed_mph), skipped)
    return Recorded(network, start, speed_mph, split.train_windows), split


def _fingerprint(start: datetime, speed_mph: Floats) -> str:
    digest = sha256(start.astimezone(UTC).isoformat().encode())
    digest.update(np.ascontiguousarray(speed_mph, dtype=np.float32).tobytes())
    return digest.hexdigest()
