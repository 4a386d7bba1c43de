"""Congestion: the queues that speeds show, and the alerts made of them. Pure."""
