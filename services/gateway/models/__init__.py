"""What the gateway tells of the models: versions, roles, offline and live scores."""
