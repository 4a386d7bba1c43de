"""What the commands on models share: the recording to learn from, tables, progress."""
