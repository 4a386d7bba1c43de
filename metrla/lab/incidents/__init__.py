"""Evaluation of incident detectors on recorded data: reading, running, comparing, showing."""
