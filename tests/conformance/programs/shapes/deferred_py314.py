"""Annotations evaluated on demand, template strings, bare except lists."""

import annotationlib


def forward(a: Later, b: Later | None = None) -> Later:
    return a


def forward_never(a: Later) -> Later:  # tomb: forward_never
    return a


class Holder:
    value: Later

    def method(self, a: Later): return t"{a}".values

    def never(self, a: Later): return 1  # tomb: Holder::never


class Later:
    pass


def catches():
    try:
        raise KeyError
    except ValueError, KeyError:
        return "caught"


def finally_first():
    try:
        return 1
    finally:
        Holder


def drive():
    results = [forward(1), Holder().method(2), catches(), finally_first()]
    results += [forward.__annotations__, Holder.__annotations__]
    results += [annotationlib.get_annotations(forward, format=annotationlib.Format.STRING)]
    return [repr(result) for result in results]
