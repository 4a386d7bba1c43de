"""Incident detectors, step by step over a network; evaluated offline, not run by the service yet."""
