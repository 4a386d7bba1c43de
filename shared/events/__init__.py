"""The events on the log: their records, their wire form, their topics, and the errors about them."""
