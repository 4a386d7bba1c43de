"""Frames, requests and responses of the Kafka protocol as plain mappings."""
