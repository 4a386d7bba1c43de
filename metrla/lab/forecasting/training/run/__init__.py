"""What one run of training consists of: its work folder, the fits it may choose from, the held-out part, the cards."""
