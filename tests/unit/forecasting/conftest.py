from tests.kit.forecasting import (  # noqa: F401 - fixtures
    artefacts,
    history,
    network,
    recorded,
    split,
    step_of,
)
