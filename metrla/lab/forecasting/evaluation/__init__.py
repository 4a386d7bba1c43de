"""Evaluation: how good the models of a network are on a recording, and how well they know it."""
