"""Incidents: alarms of single sensors, joined to alerts that are raised, updated and cleared. Pure.

    detection/   detectors of alarms, step by step over all sensors
    footprints   which alarms and which queues have one cause
    measured     how bad traffic is there, in the measures of a queue
    lifecycle    footprints and active alerts in, changes out
    wording      what the message says, and what it says of the congestion that an incident caused

An incident is 'suspected': speeds tell that traffic is disturbed as crashes disturb it, not why. What is usual comes
from `learned`. Detectors from the literature, to compare with, are in `metrla.lab.incidents.baselines`.
"""
