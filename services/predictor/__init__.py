"""Predictor: windows to forecasts of every sensor, 5 to 60 minutes ahead.

    steps                       windows of a partition in, steps to be forecast out (Faust hands the windows over)
    silence                     by which clock windows have passed of which nothing comes
    scorekeeper, score_metrics  live scores into store and metrics, and back after a restart
    predicting                  a step from windows to predictions on log and store
    recent_log                  recent speeds on their topic
    recent_start                and what they begin with where that is empty: a history, or the store's windows
    role_keeper                 which versions serve, told to store and metrics when it changes

A step goes through once, as values from function to function: it is scored against the forecasts that waited for it,
the intervals are scaled, every model forecasts, predictions are written to the store, forecasts are remembered until
their windows come, and what happened is reported. Recent speeds that have settled go onto the log with the predictions,
and are learned when they are there. What a forecast is, `shared.forecasting` decides; here are its ways in and out.
"""
