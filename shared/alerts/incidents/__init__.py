"""From alarms of single sensors to incident alerts that are raised, updated and cleared."""
