"""What `metrla feed simulate` and `metrla feed replay` have in common: getting readings onto the log from a terminal.

    options   what the options mean: lengths of time, speeds, faults, incidents
    archive   a feed from an archive, checked against being archived into itself
    legs      the parts of a feed, sent one after the other: progress, Ctrl-C, summary

Where readings come from and when they are due is in `metrla.data.feeds`.
"""
