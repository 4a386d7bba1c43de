"""Construction, weather and events: what publishers announce, as alerts, and what sensors make of it. Pure.

    documents/          published documents to records of `traffic-advisories`: for whoever publishes
    book                the advisories on the log, by network
    alerts, board       advisories and a moment in, changes of alerts out
    evidence, usual     confirmed or not by speeds; `recording` for the record
    messages            what the message says
    desk                the advisory alerts of the networks that a process has in hand

`documents/` is used by `metrla advisories` and the gateway, the rest by the alert detector. The two know nothing of each
other: between them lies the topic `traffic-advisories`.
"""
