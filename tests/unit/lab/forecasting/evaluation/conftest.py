from collections.abc import Callable, Mapping

import pytest

from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.forecasting.registry.loading import open_model
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Network

Load = Callable[[Network], Serving]


@pytest.fixture(scope="session")
def load(artefacts: Mapping[str, Artefact]) -> Load:
    """The models of the other conftest, for a network that may have other sensors."""

    def load(network: Network) -> Serving:
        names = sorted(artefacts, key=lambda name: name != LINEAR_REGRESSION)
        ranked = tuple(open_model(artefacts[name], name, "20260302", network) for name in names)
        return Serving(ranked, {one.key: one for one in ranked})

    return load
