"""A small shop: what the demo runs."""
