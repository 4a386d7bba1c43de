"""Where readings come from, and how they get onto the log.

    files/             published files, one reader for each format
    replay             a file of readings as events again
    measured_data      measured data of DATEX II as events
    delivery, damage   what a feed hands over at one time, and when; events damaged on purpose, to try a pipeline
    local_time         local clock time to UTC
    writer             deliveries onto the log, in acknowledged batches
    step_length        how far apart the readings of a file are, against the windows of a network
    speed_table        a file of readings as one table of speeds, for the laboratory

A source yields `Delivery` after `Delivery` and knows no topic; `writer` knows no source.
"""
