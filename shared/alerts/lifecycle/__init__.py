"""What alerts of every type have in common: how they stand, how long they last. Pure."""
