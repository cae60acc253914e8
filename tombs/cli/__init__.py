"""The commands `tombs-run` and `tombs`."""
