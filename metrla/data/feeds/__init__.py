"""Where readings come from, and how they get onto the log.

    files/                    recordings: the published forms behind one face
    replay, archived          a recording, or an archive, as events again
    delivery, damage          what a feed hands over at one time; and damaged on purpose, to try a pipeline
    local_time, pacing        local clock time to UTC; when an event is due
    publishing                deliveries onto the log, in acknowledged batches
    fetching                  a published data set, resumable and checked
    tables                    a recording as one table of speeds, for the laboratory

A source yields `Delivery` after `Delivery` and knows no topic; `publishing` knows no source.
"""
