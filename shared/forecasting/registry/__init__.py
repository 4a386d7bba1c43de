"""Trained models in the archive: versions, roles, and which of them serve."""
