"""The tree models `random_forest` and `xgboost`: what they are fitted to, the fits, and their way to ONNX.

    rows                the examples: some sensors at some origins, with parts of their input hidden
    fit_random_forest   trees grown apart, medians in their leaves (scikit-learn)
    fit_xgboost         boosted trees whose leaves forecast all horizons at once (XGBoost)
    export              one `TreeEnsembleRegressor` node, which ONNX Runtime serves without either library

Features are those of `shared.forecasting.models.tabular`, the same for training and service.
"""
