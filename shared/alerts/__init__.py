"""What is said of the roads, and how long it is true: alerts from their raising to their end. Pure.

    congestion/    queues that are there            from windows
    incidents/     traffic disturbed as by a crash  from windows, by a detector that learns what is usual (learned/)
    expectations/  congestion that is forecast      from predictions
    advisories/    work zones, weather, events      from publishers, confirmed by windows
    lifecycle/     what alerts of every kind share: who is active where, how sure, how long, where
    actions/       what operators do about alerts, laid over what the others say
    judge          one step in: incidents first, congestion gets the queues that are left
    observed       one partition of windows in: steps, judged in turn, as changes of alerts
    roadway        carriageways as arrays in road order

Each kind turns (what holds now, the active alerts) into changes; a change is the whole new record of an alert. All
changes of one step on one carriageway leave together. Nothing here sends: `services.alert_detector` does.
"""
