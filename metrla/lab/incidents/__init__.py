"""How well incident detectors do, on recorded days.

    measures, logs, truth    speeds, occupancy and volume; logged incidents; which of them traffic felt
    injection, injecting     incidents of the simulator put into recorded days: the truth is known
    line_up, baselines/, live   the detectors compared: published ones, and ours as the service runs it
    alarms, metrics, curves  alarms that an operator gets, rates, and detectors at equal false alarms
    comparing, durations     one study each; `reporting` and `plots` show them

What counts as an incident was written down before anything was tuned: docs/alerts.md. The detector that serves is
`shared.alerts.incidents`, run here by the same code.
"""
