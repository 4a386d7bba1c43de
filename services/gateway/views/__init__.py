"""What the gateway knows: the latest state of sensors, predictions and alerts, rebuilt from the topics. Pure."""
