from tests.kit.forecasting import history, network, recorded, split, step_of  # noqa: F401 - fixtures
