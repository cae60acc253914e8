"""What reads a graveyard from outside the application."""
