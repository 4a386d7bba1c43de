"""Construction, weather and events: advisories turned into alerts, and what the sensors make of them."""
