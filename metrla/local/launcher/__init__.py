"""Starts the processes of a pipeline on this machine, supervises them, and shows what is where."""
