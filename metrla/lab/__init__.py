"""Laboratory: training, evaluation and studies. No service imports it."""
