"""What `card.json` says of a model beyond its name: where it comes from and how good it is. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from metrla.lab.forecasting.evaluation.results import Json
from metrla.lab.forecasting.provenance import data_fingerprint, network_fingerprint, software
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Fitted
from metrla.lab.forecasting.training.run.catalogue import ORDER
from shared.forecasting.models.card import DividedData, FitOrigin, FitOutcome, OfflineCalibration, ServingWeights
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    HISTORICAL_AVERAGE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    RANDOM_FOREST,
    XGBOOST,
)
from shared.forecasting.scoring.drift import describe_inputs

WHAT: Mapping[str, str] = {
    HISTORICAL_AVERAGE: "The mean speed of each sensor by time of day and type of day.",
    LINEAR_REGRESSION: "One linear model per sensor and horizon on the last hour of it and its neighbours.",
    RANDOM_FOREST: "One random forest for all sensors on the last hour of a sensor and its neighbours.",
    XGBOOST: "Gradient-boosted trees for all sensors on the last hour of a sensor and its neighbours.",
    NEURAL_NETWORK: "One neural network for all sensors, which mixes along the road graph.",
    ENSEMBLE: "A weighted combination of the other models' forecasts.",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What to train: `models` of `ORDER`, the seed of everything random, and seconds for all of it (None: no limit).

    Models for which history or time are too short are refused, or left out where `where_possible` says so. `refit`:
    once they are judged, they are fitted to all of the recording, and that serves, if there is time for it.
    """

    models: tuple[str, ...] = ORDER
    seed: int = 1
    budget_seconds: float | None = None
    where_possible: bool = False
    refit: bool = False


def origin(recording: Recording, split: Split, choice: Choice) -> FitOrigin:
    """What a fit depends on beside the model: data, split, seed, budget and software.

    `inputs` is what the training data was like, against which the predictor measures how far its input has drifted.
    """
    network, budget = recording.network, choice.budget_seconds
    start = recording.start.astimezone(UTC)
    return FitOrigin(
        seed=choice.seed,
        budget_minutes=None if budget is None else budget / 60,
        training_data=DividedData(
            source=recording.source,
            start=start,
            end=start + len(recording.speed_mph) * network.window,
            windows=len(recording.speed_mph),
            sha256=data_fingerprint(start.isoformat(), recording.speed_mph),
            network_sha256=network_fingerprint(network),
            origins=asdict(split),
        ),
        inputs=describe_inputs(network, recording.start, recording.speed_mph[: split.train_windows]),
        software=software(),
    )


def outcome(
    name: str,
    fitted: Fitted,
    seconds: float,
    now: datetime,
    figures: Mapping[str, Json],
    serves: tuple[ServingWeights, float],
    judged_version: str | None = None,
) -> FitOutcome:
    """What came of a fit that took so long.

    Args:
        name: of the model.
        fitted: what was judged.
        seconds: that it took, with a refit if there was one.
        now: wall time.
        figures: of the validation and the test part.
        serves: which weights, and how many days of history they were fitted to.
        judged_version: of a refit, the version of what was judged.
    """
    calibration = figures["test"]["calibration"].get(name, {})
    weights, days = serves
    return FitOutcome(
        what=WHAT[name],
        created_at=now.astimezone(UTC),
        duration_seconds=round(seconds, 1),
        importance=dict(fitted.importance),
        results={part: of["horizons"][name] for part, of in figures.items()},
        calibration=OfflineCalibration(part="test", **calibration),
        serves=weights,
        days=round(days, 2),
        **({} if judged_version is None else {"judged_version": judged_version}),
    )
