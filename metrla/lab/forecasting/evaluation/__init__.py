"""How good forecasts are on a recording, and how well they know it. Pure.

    evaluate      one evaluation from beginning to end: the test part, and disturbed input
    running       forecasts as the predictor makes them, many origins at once
    scale_replay  the scales that intervals would have had on the way, no label known before its time
    tally         sums over forecasts, from which every figure follows
    regimes       free flow, onset, congestion, recovery
    disturbances  missing, dead, stuck and unknown sensors
    reliability   the expected calibration error
    results       the figures as JSON
    plots, report   images, and one page that needs nothing beside itself

A recording goes through in pieces: forecasts are added up and forgotten, so memory does not grow with its length.
"""
