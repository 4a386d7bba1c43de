"""Laboratory: training, evaluation and studies. No service imports it, and it imports none.

    forecasting/    trains the models and judges them by the protocol of the literature
    incidents/      incident detectors against logged and injected incidents
    expectations    how often expected congestion came true

Whatever is judged here is the code that serves: the models are loaded by the registry, incidents are detected and
expectations made by `shared.alerts`. Figures in docs/forecasting.md and docs/alerts.md come from here. The training
libraries (extra `train`) are imported in here alone.
"""
