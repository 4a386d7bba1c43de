"""Training: from a recording to artefacts that the registry can serve.

    fitted            what a fit is given and hands back
    pacing            how much of its work a fit does in its time: measured first, decided once
    fit_linear, trees/, neural_network/, fit_ensemble   the fits, each on its own libraries
    run/              one run: budget, work folder, catalogue, cards
    train             all of it in order; the caller saves

A run can be interrupted anywhere: what is finished is kept in a work folder, and the same command ends with the same
bytes. Inputs are built by `shared.forecasting.inputs`, as in service.
"""
