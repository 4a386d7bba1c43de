"""The gateway and the log: the records that it reads into its view, and the way onto the log for what is written."""
