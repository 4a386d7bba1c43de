"""Alerts over the API: answers, and the way of operators' actions onto the log."""
