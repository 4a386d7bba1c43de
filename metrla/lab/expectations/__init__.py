"""Studies of expected congestion: how often what was expected came."""
