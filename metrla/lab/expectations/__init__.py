"""How often expected congestion came.

    expecting   the test part of a recording: forecasts of the models, expectations raised from them, what then happened

Forecasts come from `shared.forecasting`, expectations from `shared.alerts.expectations`, by the code that serves; this
is the one place where the two meet outside a service. `metrla evaluate-expectations` prints the figures.
"""
