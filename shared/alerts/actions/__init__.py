"""What operators do about alerts: how it gets into the records, and how a closed alert stays closed."""
