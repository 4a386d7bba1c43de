"""Gateway: REST, WebSocket and the live page over everything that is on the log and in the store.

    follower, topics      reads all partitions without a group, rebuilds on start, begins anew after an outage
    views/                what is known now: windows, predictions, alerts, advisories
    hub, fanout           what changes, to every connected client, each value written once
    routes/, web/, responses  the resources, the ASGI application around them, answers that several share
    alerts/, advisories/, models/   answers, and the ways onto the log of what clients send
    client_messages       what a WebSocket client may say
    stored                forecasts of the store in the API's form
    publisher             the way onto the log
    health                whether the parts that it stands on answer
    dashboard/            the live page: JavaScript modules, served as they are

Every instance knows everything, so any number runs behind a load balancer; `/ready` says 503 until it has caught up.
The gateway decides nothing about traffic: it shows what others have written, and puts on the log what people say.
"""
