"""Construction, weather and events: what publishers announce, as alerts, and what sensors make of it. Pure.

    documents/     published documents to records of `traffic-advisories`: for whoever publishes
    current        the advisories that are on the log, by network
    alerts         advisories and a moment in, changes of alerts out
    board          the newest alert of each advisory; `usual` is what is usual at its sensors
    confirmation   whether speeds confirm an advisory, and how the record tells it
    reports        incidents that somebody reported, and where a detector sees them
    messages       what the message says
    announced      the advisory alerts of the networks that a process has in hand

`documents/` is used by `metrla advisories` and the gateway, the rest by the alert detector. They know nothing
of each other: between them lies the topic `traffic-advisories`.
"""
