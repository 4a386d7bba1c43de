"""One module a version, in order of their names."""
