"""What models see of a network: its last windows, what is usual, its roads. Pure."""
