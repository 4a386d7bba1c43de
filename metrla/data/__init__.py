"""Data that come from elsewhere, or from nowhere: published files, the archive, networks, simulated traffic.

    feeds/        published files as deliveries to the log and as tables of speeds
    archive/      raw events read back, fed again, and proved to be all there
    importing/    network folders from published tables
    simulation/   a traffic simulator for any network, with ground truth
    data_sets     published data sets: where they are, and their shape
    web           fetching over HTTP: documents that change, large files that resume

The laboratory learns from here, the command feeds from here; no service imports it.
"""
