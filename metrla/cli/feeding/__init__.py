"""What `metrla feed simulate` and `metrla feed replay` have in common: getting readings onto the log from a terminal.

    options    what the options mean: a simulation, a file, an archive
    archived   a feed from an archive, checked against being archived into itself
    sending    the run: progress, Ctrl-C, summary

Where readings come from and how they are paced is in `metrla.data.feeds`.
"""
