"""Thin adapters over aiokafka: how metrla consumes, produces, replays, dead-letters and creates topics."""
