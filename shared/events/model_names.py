"""The models that metrla has, by the names that predictions, artefacts and the API give them. Pure."""

MODEL_NAMES = (
    "ensemble",
    "neural_network",
    "xgboost",
    "random_forest",
    "linear_regression",
    "historical_average",
)
"""In the order in which they are preferred to serve where nothing else was decided."""
