"""Published incident detectors, to compare the one that serves with. Pure; none of them serves.

    california               #7 and #8: occupancies of neighbours in a decision tree
    mcmaster                 where a sensor lies in the plane of flow and occupancy
    standard_normal_deviate  how far from the mean of the last windows
    exponential_smoothing    the tracking signal of a forecast
    speed_rules              a fixed threshold; two sensors compared

Each module names its source and fulfils `shared.alerts.detection.protocol`.
"""
