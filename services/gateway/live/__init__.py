"""The WebSocket: channels, what each client follows on them, what it says, and the hub that sends what changed."""
