"""Four processes. They never import each other and meet on the log alone; what they share is in `shared`.

    ingest           readings to the archive, and to windows
    predictor        windows to forecasts
    alert_detector   windows, forecasts, advisories and operators' actions to alerts
    gateway          all of these to REST, WebSocket and the live page

Each is thin: `app` is the composition root, the only place that reads settings, builds clients and starts tasks;
`settings` says what can be set; the other modules carry between I/O and the decisions, which are in `shared`. Begin to
read at `app.serve`. A process may die at any moment: offsets are committed after side effects, and every side effect is
idempotent by a key that derives from the data.
"""
