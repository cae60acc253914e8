"""Evidence: what was seen of a program's functions, by which runs, for how long."""
