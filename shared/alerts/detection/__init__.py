"""Detection of incidents at single sensors: evidence in every window, an alarm where it is strong enough. Pure.

    protocol            what every detector takes and gives: all sensors and all levels of sensitivity at once
    forecast_residual   the detector that serves: slower than usual, than forecast, and than the road beyond
    guard               a detector that is shown nothing of sensors that are not believed
    persistence         when evidence becomes an alarm, and when the alarm ends
    calibration         a threshold for each sensor, at one level for all

A detector is a function of (window, state); arrays are (levels, sensors). The service runs it at one level, the
laboratory at many at once: both through this same code.
"""
