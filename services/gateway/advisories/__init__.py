"""Advisories over the API: how they are answered, and how new ones get onto the log.

    answers     a `TrafficAdvisory` as the API's model, and the receipt for what was taken in
    single      one advisory as an operator writes it
    reception   single ones and whole published documents, compared with what is there, written to `traffic-advisories`

Documents are read by the same code as `metrla advisories import` uses (`shared.alerts.advisories`), so the same
document gives the same advisories whichever way it comes.
"""
