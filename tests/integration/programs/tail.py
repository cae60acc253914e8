"""Functions that a request names: one of them for each thing that a test wants called."""


def one():
    return 1


def two():
    return 2


def three():
    return 3


def four():
    return 4


def five():
    return 5


def six():
    return 6
