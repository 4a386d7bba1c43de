"""The published formats, one module each. Pure: bytes in, drafts and reasons out; no input makes them raise."""
