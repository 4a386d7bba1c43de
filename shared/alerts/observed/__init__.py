"""Alerts of what windows show: the steps of a network judged for incidents and congestion together. Pure."""
