"""The models that forecast, behind the protocol in `forecaster`. Pure; serving needs NumPy and ONNX Runtime alone.

    forecaster                                 what every model takes and gives: (sensors, 12) speeds in mph
    historical_average                         usual speeds as a table
    linear_regression, linear_features         one linear model for each sensor and horizon
    trees, tabular, onnx                       `random_forest` and `xgboost` on features alike for every sensor
    neural_network, perceptron, surroundings   a residual perceptron mixed along the roads, in NumPy
    ensemble                                   a weighted mean of the others
    artefact, card                             tensors, ONNX and `card.json`, checked by SHA-256 before they are used

A model is read from an artefact, asked once a step, and knows nothing of the others; only `ensemble` is told what its
members said. To add one: a module here, its loader in `registry.loading`, its fit in `metrla.lab.forecasting.training`.
"""
