"""Which sensors, and which of their readings, are to be believed. Pure.

    stuck         readings that repeat for half an hour below free flow: forecasts take them for missing
    rules         a sensor that is dead, stuck, impossible or at odds with itself: alerts do not believe it
    always_slow   a sensor that is slow day and night beside free neighbours: alerts do not believe it either
    times         clocks that are off and readings that came too late: what ingest says of them, for others to show

Of a *stuck* sensor there are two questions, and so two answers. A forecast asks of every reading in its last hour, and
hides a doubtful one at once: usual speeds stand in for it, so little is lost by a wrong doubt, and below free flow
nothing repeats by itself for half an hour. An alert asks whether to trust the sensor from now on: that takes an hour
of one speed, at any speed, and windows of good behaviour afterwards, for a doubt silences its alarms.

What else makes a sensor doubtful belongs here, for both to use. The state of a sensor is `SensorHealth`; a sensor is
*believed* or not; a reading is *hidden* or not.
"""
