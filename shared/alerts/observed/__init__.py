"""What the windows of a partition show, as changes of alerts. Pure.

    alerts   windows in, steps assembled, each judged once when it is ready; silent networks; what was learned
    step     one step of one network: incidents first, they take the queues that are theirs, congestion gets the rest
    tuning   what can be set, and how all of it is put together: the service and the laboratory both ask here

This is where the kinds of alert that windows make come together, and the only place that knows several of them. What a
step changes on one carriageway, of whatever kind, leaves as one `RoadChanges`, and what it taught behind it.
"""
