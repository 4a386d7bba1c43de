"""Ingest: traffic-events to the raw archive and to five-minute windows."""
