"""What every part of the product knows about traffic: networks and their roads, calendars, windows and steps. Pure."""
