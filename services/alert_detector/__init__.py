"""Alert detector: windows, forecasts, advisories and operators' actions to alerts that are raised, updated and cleared.

    app          the inputs (windows, predictions) and the output, wired to one worker
    partitions   what is done with each partition: made with all that log and archive know of its networks
    alert_log    alerts on the log and in the store: read back on assignment, written when they change
    state_log    what was learned, written behind the alerts of each step
    followed     the small topics that every instance knows as a whole: advisories and actions
    lookup       usual speeds for advisories, looked up in the store beside the work on windows

What an alert is, and when it changes, is decided in `shared.alerts`; here are its ways in and out. docs/architecture.md
tells an alert's trip from here to the browser.
"""
