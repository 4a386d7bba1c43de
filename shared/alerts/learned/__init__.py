"""What the alert detector learns of each network as windows come. Pure."""
