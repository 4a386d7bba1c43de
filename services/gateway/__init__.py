"""Gateway: REST, WebSocket and the live page over everything that is on the log and in the store.

    app, settings                  composition root, and what can be set
    web                            the ASGI application around the routes, and its server
    routes                         the resources, one module each
    live, health_checks            what changes, to every connected client; whether the parts it relies on answer
    alerts, advisories, models     answers about them, and the ways onto the log of what clients send
    log, responses, stored         in from the topics and onto them; answers that several share; forecasts of the store
    views                          what is known now, and how old it is: windows, predictions, alerts, advisories
    dashboard                      the live page: JavaScript modules, served as they are

Arrows run down this list. Every instance knows everything, so any number runs behind a load balancer; `/ready` and what
answers from the view say 503 until it has caught up. The gateway decides nothing about traffic: it shows what others
have written, and puts on the log what people say.
"""
