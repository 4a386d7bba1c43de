"""Predicted congestion: forecasts in, alerts of what is expected out."""
