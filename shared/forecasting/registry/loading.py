"""From an artefact to a model that serves, for every kind of model. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.events.errors import ModelError
from shared.forecasting.calibration.spread import Uncertainty
from shared.forecasting.models.artefact import Artefact, Opened, open_artefact
from shared.forecasting.models.card import ModelCard
from shared.forecasting.models.ensemble import Ensemble
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    HISTORICAL_AVERAGE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    RANDOM_FOREST,
    XGBOOST,
    Combiner,
    Forecaster,
)
from shared.forecasting.models.historical_average import HistoricalAverage
from shared.forecasting.models.linear_regression import LinearRegression
from shared.forecasting.models.neural_network import NeuralNetwork
from shared.forecasting.models.trees import Trees
from shared.traffic.arrays import Flags
from shared.traffic.network import Network

Model = Forecaster | Combiner
Loader = Callable[[Opened], Model]
Key = tuple[str, str]

MODELS: Mapping[str, Loader] = {
    ENSEMBLE: Ensemble.of_artefact,
    NEURAL_NETWORK: NeuralNetwork.of_artefact,
    XGBOOST: Trees.of_artefact,
    RANDOM_FOREST: Trees.of_artefact,
    LINEAR_REGRESSION: LinearRegression.of_artefact,
    HISTORICAL_AVERAGE: HistoricalAverage.of_artefact,
}


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """One version of a model, ready to forecast.

    Attributes:
        model: makes the forecasts, or combines those of its members.
        uncertainty: says how sure they are.
        known: which of the network's sensors the training had, (N,).
        card: what is known of it.
    """

    model: Model
    uncertainty: Uncertainty
    known: Flags
    card: ModelCard

    @property
    def key(self) -> Key:
        """Name and version of the model."""
        return self.model.name, self.model.version

    @property
    def members(self) -> Sequence[Key]:
        """Of an ensemble, the models whose forecasts it needs."""
        return tuple(self.model.members.items()) if isinstance(self.model, Combiner) else ()


def open_model(artefact: Artefact, model_name: str, version: str, network: Network) -> Served:
    """The model of an artefact, ready to serve `network`; raises `ModelError` saying why it cannot."""
    if model_name not in MODELS:
        raise ModelError(f"model {model_name}: this release knows {', '.join(MODELS)}")
    opened = open_artefact(artefact, model_name, version, network)
    try:
        return Served(
            model=MODELS[model_name](opened),
            uncertainty=Uncertainty.of_tensors(opened.tensors, opened.rows),
            known=opened.known,
            card=opened.card,
        )
    except KeyError as missing:
        raise ModelError(f"{opened}: {missing} is missing") from missing
    except (ValueError, TypeError) as damaged:
        raise ModelError(f"{opened}: {damaged}") from damaged
