"""The gateway's routes, one module a resource.

    sensors, predictions, alerts, advisories, models   what is known now: from the views, of models from the store
    history                     one sensor's past, from the store
    stream                      the WebSocket: a snapshot, then what changes
    health, root                probes, metrics, and who answers here
    gateway                     what routes are handed: the parts of a running gateway
    parameters, guarded         query parameters that several share; what every route asks first

A route reads its parameters, asks a view or the store, and returns a model of the API; FastAPI checks both ends. It
knows the parts of a running gateway by what it is handed, and holds no state.
"""
