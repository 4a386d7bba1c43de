"""How well incident detectors do, on recorded days.

    measures, logs, truth     speeds, occupancy and volume; logged incidents; which of them traffic felt
    live                      the alerts that an operator would have seen: the service's own code over recorded days
    detectors, baselines/     the detectors compared: ours, and published ones
    shapes, injection         how real disturbances look; incidents of such shapes put into recorded days
    log_study, injection_study   the two studies: against a log, and against injected incidents; figures as JSON
    durations                 how good estimates of durations are
    alarms, scores, bootstrap   alarms of one cause as one; what they are worth, beside chance, and how sure that is
    plots                     the curves as images

What counts as an incident was written down before anything was tuned: docs/alerts.md. The detector that serves is
`shared.alerts.detection`, run here by the same code. `metrla evaluate-alerts` prints the figures.
"""
