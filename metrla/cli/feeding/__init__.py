"""What `metrla feed` is made of."""
