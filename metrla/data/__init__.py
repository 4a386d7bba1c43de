"""Data that come from elsewhere, or from nowhere: published files, networks made of them, simulated traffic.

    feeds/        where readings come from, and how they get onto the log
    importing/    network folders from published tables
    simulation/   a traffic simulator for any network, with ground truth

The laboratory learns from here, the command feeds from here; no service imports it.
"""
