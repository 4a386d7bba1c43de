"""Models of speed: made, and judged.

    training/     from a recording to artefacts: fit, calibrate, test, pack
    evaluation/   how good the models of an archive are on a recording, and how well they know it
    evaluating    one evaluation from beginning to end
    recording     the speeds to learn from, of a file or simulated
    progress      how far the work is, told to whoever shows it

The protocol is DCRNN's (docs/forecasting.md); a test proves that nothing of the test part reaches a model.
"""
