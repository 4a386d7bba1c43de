"""The models that metrla has, by the names that predictions, artefacts and the API give them. Pure."""

LINEAR_REGRESSION = "linear_regression"
RANDOM_FOREST = "random_forest"
XGBOOST = "xgboost"
NEURAL_NETWORK = "neural_network"
ENSEMBLE = "ensemble"
HISTORICAL_AVERAGE = "historical_average"
MODEL_NAMES = (ENSEMBLE, NEURAL_NETWORK, XGBOOST, RANDOM_FOREST, LINEAR_REGRESSION, HISTORICAL_AVERAGE)
"""In the order in which they are preferred to serve where nothing else was decided."""
