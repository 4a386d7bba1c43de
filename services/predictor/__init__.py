"""Predictor: windows to forecasts of every sensor, 5 to 60 minutes ahead."""
