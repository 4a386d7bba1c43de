"""Sources of readings: published files, the simulator, and the publisher that sends them to the log."""
