"""The tree models `random_forest` and `xgboost`: what they are fitted to, the fits, and their way to ONNX."""
