"""The report: packages as a tree with their dead lines, for a terminal and as one HTML file."""
