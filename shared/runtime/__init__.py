"""What every service process needs, whatever it does.

    settings    the settings that all share, from `METRLA_…` variables, validated before any connection is made
    process     logs first, then serve until told to stop, drain, and leave with an honest exit code
    logs        structured: a constant message plus fields
    metrics     every metric, in one place; a metric's name is nowhere else
    probes      `/live`, `/ready` and `/metrics` for services that have no other HTTP face
    clock       time as an interface
    output_file  the one way in which a file that a person named is written
    side_by_side  work that is done beside the rest, and ends the service where it fails

A service's `app.py` calls `run_service(name, serve)` and gets settings and a stop event; the rest is its own.
"""
