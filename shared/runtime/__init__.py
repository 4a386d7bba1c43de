"""What every service process needs: settings, logs, metrics, probes, clock and orderly shutdown."""
