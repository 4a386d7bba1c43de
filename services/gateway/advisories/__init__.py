"""Advisories over the API: answers, single ones and whole documents, and their way onto the log."""
