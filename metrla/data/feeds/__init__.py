"""Where readings come from: published files, the simulator; and how they get on the log."""
