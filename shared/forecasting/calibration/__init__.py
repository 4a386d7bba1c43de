"""How sure forecasts are, and whether that holds. Pure."""
