"""What `tombs doctor` looks at: a program's Python, its settings, its places, its company."""
