"""Training: histories to models, and how good those are."""
