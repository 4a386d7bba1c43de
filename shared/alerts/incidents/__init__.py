"""Incidents: alarms of single sensors, joined to alerts. Pure.

    footprints             which alarms and which queues have one cause
    measured               how bad traffic is there, in the measures of a queue
    confidence, duration   how sure it is to be one, and how long it will last
    alerts                 footprints and active alerts in, changes out
    messages               the words, also those for congestion that an incident caused

Alarms come from `shared.alerts.detection`, what is usual from `shared.alerts.learned`. An incident is 'suspected':
speeds tell that traffic is disturbed as crashes disturb it, not why.
"""
