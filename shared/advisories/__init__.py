"""Advisories: published work zones, road events and weather alerts, read, matched to sensors and kept on the log."""
