"""Alerts over the API: how they are answered, and how operators' actions get onto the log.

    alert     a `TrafficAlert` as the API's model, every field with its unit and its bounds
    actions   an action that a client sent: checked against the view, written to `traffic-alert-actions` once

The gateway does not change an alert: it writes the action, the alert detector applies it, and the changed record comes
back on the topic like any other.
"""
