"""What sees modules as they load, and arms their functions."""
