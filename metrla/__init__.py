"""metrla: traffic prediction for freeway sensor networks."""

__version__ = "0.1.0"
