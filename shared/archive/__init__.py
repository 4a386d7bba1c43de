"""The archive of raw events and model artefacts: one port, its layout, and its implementations."""
