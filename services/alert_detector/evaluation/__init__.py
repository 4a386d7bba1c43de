"""How well incident detectors do: ground truth, alarms, rates, curves. Pure."""
