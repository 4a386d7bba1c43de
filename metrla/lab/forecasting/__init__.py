"""Models of speed: made, and judged.

    training/     from a recording to artefacts: fit, calibrate, test, pack
    evaluation/   how good the models of an archive are on a recording, and how well they know it
    recording     the speeds to learn from, of a file or simulated
    recorded      a recording as models see it: batches of origins, and what then happened
    split         its three parts: fitted to, calibrated on, tested on
    serving       the models of an archive, loaded as the predictor loads them
    provenance    fingerprints of data and networks, versions of libraries: what cards and figures name
    progress      how far the work is, told to whoever shows it

Training judges what it made by `evaluation`; nothing of an evaluation needs `training`, and both build on the rest.
The protocol is DCRNN's (docs/forecasting.md); a test proves that nothing of the test part reaches a model.
"""
