"""Parts of the commands that look at archive, store and log: which time range, in which form, and is it exact."""
