"""What is said of the roads, and how long it is true: alerts from their raising to their end. Pure.

    congestion     queues that are there, from windows
    incidents      traffic disturbed as by a crash, from windows: `detection` finds it, `learned` says what is usual
    expectations   congestion that is forecast, from predictions
    advisories     work zones, weather, events, from publishers; confirmed by windows
    lifecycle      what alerts of every kind share: raise, update, clear, merge, ownership, the loop over carriageways
    actions        what operators do about alerts, laid over what the others say
    observed       one partition of windows in: its steps judged in turn, as changes of alerts

Each kind turns (what holds now, the active alerts) into changes; a change is the whole new record of an alert. All
changes of one step on one carriageway leave together. Nothing here sends: `services.alert_detector` does. A new kind
of alert is one small folder: candidates, reasons and words; `lifecycle` does the rest.
"""
