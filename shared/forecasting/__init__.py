"""Forecasts of speed: inputs, models, calibration, scoring, and the registry that holds models. Pure."""
