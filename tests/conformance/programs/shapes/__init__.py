"""Shapes of functions. A comment `# tomb: NAME ...` stands on the first line of each function that
drive() never enters (its first decorator's line, where it has one), with the name it must have.
"""
