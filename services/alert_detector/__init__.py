"""Alert detector: windows to alerts that are raised, updated and cleared."""
