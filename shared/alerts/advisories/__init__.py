"""Construction, weather and events: what publishers announce, as alerts, and what sensors make of it. Pure.

    formats/, reading    bytes of WZDx, Open511, CAP or api.weather.gov to drafts and reasons
    roads, matching      which sensors of a network a draft touches, by the road's name, geometry and direction
    importing            drafts against what the log holds already: new, changed, withdrawn
    book                 the advisories on the log, by network
    alerts, board        advisories and a moment in, changes of alerts out
    usual, evidence, recording, messages   confirmed or not by speeds, and how that is told
    desk                 the advisory alerts of the networks that a process has in hand

The first three lines are used by whoever publishes (`metrla advisories`, the gateway), the others by the alert
detector; between them lies the topic `traffic-advisories`. Fetching is not in here: `metrla.cli.advising`.
"""
