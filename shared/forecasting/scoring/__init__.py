"""Forecasts against what then happened: live scores, drift, promotion."""
