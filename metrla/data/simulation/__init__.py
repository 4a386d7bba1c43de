"""A traffic simulator for any sensor network: seeded, repeatable, with ground truth. Pure."""
