"""The `metrla` command, one module a sub-command."""
