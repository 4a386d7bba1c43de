"""Which sensors, and which of their readings, are to be believed: one judgement for forecasts, alerts and page. Pure.

    rules         the judge: one window in, what is wrong with each sensor's reading, and what is remembered of it
    always_slow   a sensor that is slow day and night, or all night, beside free neighbours
    hiding        which of its last readings a forecast does not see
    doubted       who is not believed, why and since when, as the alert detector tells others
    times         clocks that are off and readings that came too late: what ingest says of them, for others to show

Windows go through `rules` one by one, wherever they are used: in the alert detector (`shared.alerts.detection.guard`),
which tells the gateway by `doubted`; in the predictor (`shared.forecasting.inputs.health_course`); in the laboratory,
on recordings. A sensor is *believed* or not, and `Doubt` says why not. What is doubted is neither learned from nor
shown to a model, whose forecasts then rest on neighbours and usual speeds; it raises no alert and lets expect none. One
reason alone counts for alerts and page but hides nothing from forecasts: a sensor that is always slow is wrong about
the road, but as a forecast is of what the sensor will tell, it is right about itself.
"""
