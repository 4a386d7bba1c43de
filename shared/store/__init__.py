"""The queryable history of aggregates, predictions and alerts: one port and its implementations."""
