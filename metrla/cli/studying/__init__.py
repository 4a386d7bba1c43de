"""What the commands that train and evaluate have in common.

    models                 the options that say which recording and which models, and the archive of these
    progress               bars on standard error while it works, and Ctrl-C between two parts
    forecasts, incidents   figures as tables

The figures are computed in `metrla.lab`, which prints nothing.
"""
