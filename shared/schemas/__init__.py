"""The published schemas of the records: their files, their history, what breaks them, a registry of others."""
