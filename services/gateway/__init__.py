"""Gateway: the REST and WebSocket face of metrla."""
