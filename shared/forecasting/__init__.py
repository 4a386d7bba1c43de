"""Forecasts of speed, from a step of a network to the records that go out, and how good they turned out. Pure.

    inputs/          what models see: the last windows, usual and recent speeds, neighbours
    models/          one module a model behind one protocol, its artefact and its card
    calibration/     90 % intervals and confidence, from held-out forecasts
    registry/        versions and roles of models in the archive, and which of them serve
    forecasting      a step in, forecasts of every model out: each model once, then who speaks for which sensor
    warm_up          recent speeds from a history, as if it had been forecast live
    predictions, stencil  those forecasts as records, and as the messages of a whole network at once
    scoring/         forecasts against the windows that came: live scores, drift, promotion

It goes from top to bottom. The registry reads and writes through the port of the archive that it is given. Training is
not in here (`metrla.lab.forecasting`), nor is anything of alerts, Kafka or the store.
"""
