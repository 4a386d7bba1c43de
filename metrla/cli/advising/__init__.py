"""What `metrla advisories` does: fetch documents, compare them with the log, publish, report."""
