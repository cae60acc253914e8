"""What lives in the application: the graveyard it writes and the thread that serves it."""
