"""What the services share: events, codecs, sensor networks, and adapters for Kafka, archive and store."""
