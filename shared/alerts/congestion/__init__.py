"""Congestion that is there: the queues that speeds show, and the alerts made of them. Pure.

    queues                 the PeMS bottleneck rule, and how far each queue reaches along its carriageway
    reference              what a queue is measured against: free flow, and the usual speed; recurrent or not
    severity, delay        how bad it is for those who drive through it; what it costs in vehicle-hours
    confidence, duration   how sure it is to last, and how long; `duration_weights` is what that was fitted to
    evidence               the windows and the drop of speed that show it
    alerts                 queues and active alerts in, changes out: what is said, and when it is worth an update
    messages               the words
    detector               all of that for one step of a network

The rule, its thresholds and what they are taken from: docs/alerts.md. Incidents come first (`observed.step`) and take
the queues that are theirs; this room knows nothing of them.
"""
