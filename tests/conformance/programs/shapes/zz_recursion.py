"""Recursion to the limit. Last of all: it also ends a tracer whose callback meets the limit."""

import functools


def recursion_error():
    try:
        endless(0)
    except RecursionError as error:
        return type(error).__name__


def endless(n):
    return endless(n + 1)


class Endless:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr(self)


def endless_generator():
    yield from endless_generator()


@functools.lru_cache(maxsize=None)
def endless_cached(n):
    return endless_cached(n + 1)


def deep_enough(n):
    return n and deep_enough(n - 1)


def never():  # tomb: never
    return 1


def kind_of(function, *values):
    try:
        function(*values)
    except RecursionError as error:
        return type(error).__name__


def drive():
    results = [deep_enough(500), kind_of(Endless().__getattr__, "x"), kind_of(repr, Endless())]
    results += [kind_of(list, endless_generator()), kind_of(endless_cached, 0)]
    return [*results, recursion_error()]
