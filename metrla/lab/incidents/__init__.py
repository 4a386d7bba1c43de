"""How well incident detectors do, on recorded days.

    measures, logs, truth     speeds, occupancy and volume; logged incidents; which of them traffic felt
    live                      the alerts that an operator would have seen: the service's own code over recorded days
    detectors, baselines/     the detectors compared: ours, and published ones
    injection                 incidents of the simulator put into recorded days: the truth is known
    log_study, injection_study   the two studies: against a log, and against injected incidents; figures as JSON
    durations                 how good estimates of durations are
    alarms, scores            alarms that an operator gets; rates, and detectors at equal false alarms
    plots                     the curves as images

What counts as an incident was written down before anything was tuned: docs/alerts.md. The detector that serves is
`shared.alerts.detection`, run here by the same code. `metrla evaluate-alerts` prints the figures.
"""
