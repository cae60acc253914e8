"""Annotations that are evaluated late (3.14) and early: never functions of the program."""

import typing


def annotated(a: "int", b: list[str] = (), *c: typing.Any, d: "Missing" = 1) -> "Missing":
    return a


def annotated_never(a: int) -> str:  # tomb: annotated_never
    return ""


class Annotated:
    field: int = 1
    other: "Missing"

    def method(self, a: int) -> "Annotated":
        return self

    def never(self, a: int) -> int:  # tomb: Annotated::never
        local: int = 1
        return local


variable: int = 1


def drive():
    hints = typing.get_type_hints(annotated_never)
    return [annotated(1), str(hints), Annotated().method(1) is None, Annotated.__annotations__]
