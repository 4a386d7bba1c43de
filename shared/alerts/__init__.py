"""What alerts are about and how they live: congestion, incidents, expectations, advisories, actions. Pure."""
