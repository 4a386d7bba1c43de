"""Advisories over the API: how they are answered, and how new ones get onto the log.

    advisory       a `TrafficAdvisory` as the API's model, and the receipt for what was taken in
    new_advisory   one advisory as an operator writes it
    writer         single ones and whole published documents, compared with what is there, written to the topic

Documents are read by the same code as `metrla advisories import` uses (`shared.alerts.advisories`), so the same
document gives the same advisories whichever way it comes.
"""
