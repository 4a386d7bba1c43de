"""What is said of the roads, and how long it is true: alerts from their raising to their end. Pure.

    actions        what operators do about alerts, laid over what the others say
    observed       one partition of windows in: its steps judged in turn, as changes of alerts
    incidents      traffic disturbed as by a crash, from windows
    expectations   congestion that is forecast, from predictions
    advisories     work zones, weather, events, from publishers; confirmed by windows
    congestion     queues that are there, from windows
    learned        what is usual, and the alarms that follow from it
    detection      evidence of incidents at single sensors
    lifecycle      what alerts of every kind share: raise, update, clear, merge, ownership, the loop over carriageways

A room imports from rooms further down this list, never from one further up; incidents, expectations and advisories do
not import each other. A contract in `pyproject.toml` holds that.

Each kind turns (what holds now, the active alerts) into changes; a change is the whole new record of an alert. All
changes of one step on one carriageway leave together. Nothing here sends: `services.alert_detector` does. A new kind
of alert is one small folder: candidates, reasons and words; `lifecycle` does the rest, and says how.
"""
