"""Ingest: readings to the raw archive and to five-minute windows, in two independent consumer groups.

    intake, validator     both groups: bytes to a valid event or a reason; duplicates and strangers told apart
    archiver, intent      the archive group: each valid event once, files named by their offsets, intents noted before
    aggregator            the windows group: events to windows, to store and log; bad events to the dead letters
    windows, summary      what a window is and when it is emitted, again and for the last time: pure
    checkpoint, merge     how far windows are final, kept beside the offset; partitions advanced together in event time

An archive that is down delays the archive and nothing else. Ingest knows sensors and their network, no roads, no
forecasts and no alerts.
"""
