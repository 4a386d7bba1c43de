"""Published incident detectors, to compare the one that ships with."""
